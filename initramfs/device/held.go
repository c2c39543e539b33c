package device

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Some devices are held by a file: they are created through a fresh descriptor, and
// go when it is closed. Both operations know the descriptor by the name of the
// device, among what was made.

// holder is what the descriptor is called that holds the device.
func holder(device string) string { return "holder of " + device }

// reopen opens the file that is to hold the device, in place of the one that an
// earlier operation left.
func (e *Env) reopen(device, path string) (int, error) {
	if err := e.shut(device); err != nil {
		return -1, err
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	if e.made == nil {
		e.made = map[string]int{}
	}
	if _, known := e.made[holder(device)]; !known {
		e.OnClose(func() error { return e.shut(device) })
	}
	e.made[holder(device)] = fd
	return fd, nil
}

// shut closes the file that holds the device, unless it is closed already.
func (e *Env) shut(device string) error {
	fd, known := e.made[holder(device)]
	if !known || fd < 0 {
		return nil
	}
	e.made[holder(device)] = -1
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("close %s: %w", holder(device), err)
	}
	return nil
}

// closeOp closes the file that holds a device.
type closeOp struct {
	env    *Env
	holder string
}

func (o closeOp) Do() error {
	fd, known := o.env.made[o.holder]
	if !known {
		return unix.EBADF
	}
	o.env.made[o.holder] = -1 // close(2) gives the descriptor up even when it fails
	return unix.Close(fd)
}

func (o closeOp) Result(err error) error { return err }

// closeHolder is the operation that closes the file that holds the device.
func closeHolder(e *Env, d Device) (Op, error) { return closeOp{e, holder(d.Name)}, nil }
