package device

import (
	"path/filepath"
)

// The bus of USB as dummy_hcd's host sees it: the interface of its root hub, the
// device in the only port, and the first interface of that in the configuration
// c.1.
const (
	usbBus        = "usb"
	rootHub       = "1-0:1.0"
	hostDevice    = "1-1"
	hostInterface = "1-1:1.0"
)

// noHub takes the driver from dummy_hcd's root hub, so that no host meets the gadget.
var noHub = Need{
	Name: "no host for the gadget",
	Make: func(e *Env) (int, error) {
		hub := filepath.Join(busFolder, usbBus, "drivers", "hub")
		e.OnClose(func() error { return write(filepath.Join(hub, "bind"), rootHub) })
		return 0, write(filepath.Join(hub, "unbind"), rootHub)
	},
}

// met has the host find the gadget and configure it, without a driver for its
// interfaces. The hub's worker finds it (usb_new_device() in drivers/usb/core/hub.c);
// the driver "usb" chooses the configuration (usb_generic_driver_probe() in
// drivers/usb/core/generic.c).
func (g gadget) met() Need {
	return Need{
		Name: "USB host of the gadget",
		Make: func(e *Env) (int, error) {
			devices := filepath.Join(busFolder, usbBus, "devices")
			e.OnClose(func() error { return await(filepath.Join(devices, hostDevice), false) })
			if err := e.Provide(g.folder()); err != nil {
				return 0, err
			}
			if err := g.fill(); err != nil {
				return 0, err
			}
			if err := write(gadgetUDC, controller); err != nil {
				return 0, err
			}
			// The link is made when the device is ready to be probed.
			if err := await(filepath.Join(devices, hostDevice, "port"), true); err != nil {
				return 0, err
			}
			if err := write(filepath.Join(busFolder, usbBus, "drivers", "usb", "bind"), hostDevice); err != nil {
				return 0, err
			}
			return 0, await(filepath.Join(devices, hostInterface), true)
		},
	}
}

// host is the way to create the net device of the host's side: the driver is bound
// to the interface of the gadget.
func (g gadget) host(driver, given string) Way {
	return bound(usbBus, driver, hostInterface, given).with(noProbe(usbBus), g.met())
}
