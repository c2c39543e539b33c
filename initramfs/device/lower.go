package device

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// LowerName and LowerIndex are those of the device that others are put on.
const (
	LowerName  = "tdl"
	LowerIndex = 1010
)

// ethernet is a dummy device that is up, as lower device.
var ethernet = Need{Name: "lower device", Device: true, Make: func(e *Env) (int, error) {
	return plumb(e, rtnl.Link{Name: LowerName, Index: LowerIndex, Kind: "dummy", Up: true})
}}

// second is another one.
var second = Need{Name: "second lower device", Device: true, Make: func(e *Env) (int, error) {
	return plumb(e, rtnl.Link{Name: LowerName + "2", Index: LowerIndex + 1, Kind: "dummy", Up: true})
}}

// plumb creates a device that others need. When the case is over it may be gone
// already.
func plumb(e *Env, l rtnl.Link) (index int, err error) {
	if l.Kind == "dummy" {
		if err := e.Load("dummy"); err != nil {
			return 0, err
		}
	}
	create, err := l.New()
	if err != nil {
		return 0, err
	}
	remove, err := rtnl.Link{Index: l.Index}.Delete()
	if err != nil {
		return 0, err
	}
	if err := e.Netlink.Do(create); err != nil {
		return 0, fmt.Errorf("create %s: %w", l.Name, err)
	}
	e.OnClose(func() error {
		if err := e.Netlink.Do(remove); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("delete %s: %w", l.Name, err)
		}
		return nil
	})
	return l.Index, nil
}
