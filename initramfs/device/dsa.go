package device

import "netdev.test/teardown/initramfs/rtnl"

// conduit is a dummy with the name of the device that dsa_loop's switch is behind
// (dsa_loop_drv_probe() in drivers/net/dsa/dsa_loop.c). Before 5.12 the ports do not bring
// it up themselves (dsa_slave_open() in net/dsa/slave.c).
var conduit = Need{Name: "conduit", Make: func(e *Env) (int, error) {
	return plumb(e, rtnl.Link{Name: "eth0", Index: LowerIndex + 2, Kind: "dummy", Up: true})
}}

// dsaLoop binds the driver to the switch, which sits on the bus of the fixed PHYs.
// It has four ports, lan1 and so on. One whose device is refused is left unused
// (dsa_tree_setup_ports() in net/dsa/dsa.c).
func dsaLoop() Way {
	w := bound("mdio_bus", "dsa-loop", "fixed-0:1f", "lan1").with(noProbe("mdio_bus"), driver("dsa_loop"), conduit)
	w.Pattern, w.Lenient = false, true
	return w
}
