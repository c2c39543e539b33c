package device

import "fmt"

// dsaConduit is the device that dsa_loop's switch is behind, which
// dsa_loop_drv_probe() in drivers/net/dsa/dsa_loop.c looks for by this name.
const dsaConduit = "eth0"

// conduit is a dummy of that name.
var conduit = Need{
	Name: "conduit",
	Make: func(e *Env) (int, error) {
		d := Device{Name: dsaConduit}
		create, err := newLink(e, d, "dummy", nil)
		if err != nil {
			return 0, err
		}
		remove, err := deleteLink(e, d)
		if err != nil {
			return 0, err
		}
		if err := Run(create); err != nil {
			return 0, fmt.Errorf("create a dummy: %w", err)
		}
		e.OnClose(func() error { return undone(Run(remove)) })
		return 0, nil
	},
}

// dsaLoop binds the driver to the switch, which sits on the bus of the fixed PHYs.
// It has four ports, lan1 and so on. One whose device is refused is left unused
// (dsa_tree_setup_ports() in net/dsa/dsa.c).
func dsaLoop() Way {
	w := bound("mdio_bus", "dsa-loop", "fixed-0:1f", "lan1").with(idle("mdio_bus", "dsa_loop"), conduit)
	w.Pattern, w.Lenient = false, true
	return w
}
