package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// mounts are what libinit does not mount, and debugfs, of which it does not say whether
// that failed. A kernel may lack any of them; what needs one says so itself.
var mounts = []struct{ fstype, target string }{
	{"debugfs", "/sys/kernel/debug"},
	{"tracefs", "/sys/kernel/tracing"},
	{"configfs", "/sys/kernel/config"},
}

// mount mounts them, where the kernel has them.
func mount() error {
	for _, m := range mounts {
		err := unix.Mount(m.fstype, m.target, m.fstype, 0, "")
		switch {
		case err == nil, errors.Is(err, unix.EBUSY): // there already
		case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENOENT): // not in this kernel
		default:
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	return nil
}
