package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// busFolder is where sysfs shows the buses.
const busFolder = "/sys/bus"

// bound is the way to create the net devices of a device on a bus: the driver is
// bound to it and unbound from it (bind_store() and unbind_store() in
// drivers/base/bus.c), which probes and removes in the thread that writes.
func bound(bus, driver, device, given string) Way {
	return boundTo(bus, driver, func() (string, error) { return device, nil }, given)
}

// boundTo is bound for a device whose name on the bus must be found out.
func boundTo(bus, driver string, find func() (string, error), given string) Way {
	attribute := func(name string) func(*Env, Device) (Op, error) {
		return func(e *Env, _ Device) (Op, error) {
			device, err := find()
			if err != nil {
				return nil, err
			}
			return WriteFile(e, filepath.Join(busFolder, bus, "drivers", driver, name), device)
		}
	}
	return Way{
		Name:    "bind",
		Given:   given,
		Pattern: true,
		// Before 5.14 really_probe() in drivers/base/dd.c dropped what a probe
		// returned, and bind_store() made this of it.
		Answer:  unix.ENODEV,
		Answers: Lines{To: "5.13"},
		New:     attribute("bind"),
		Delete:  attribute("unbind"),
	}
}

// noProbe keeps the devices that appear on the bus from being probed, so that they
// are bound where the case wants it (drivers_autoprobe_store() in
// drivers/base/bus.c).
func noProbe(bus string) Need {
	return Need{
		Name: "no probing on the bus " + bus,
		Make: func(e *Env) (int, error) {
			path := filepath.Join(busFolder, bus, "drivers_autoprobe")
			e.OnClose(func() error { return write(path, "1") })
			return 0, write(path, "0")
		},
	}
}

// write has a driver read text as a command, apart from what is tested. It stays out
// of Go's poller, which would wait for a driver that says EAGAIN.
func write(path, text string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		_, err = unix.Write(fd, []byte(text))
		err = errors.Join(err, unix.Close(fd))
	}
	if err != nil {
		return fmt.Errorf("write %q to %s: %w", text, path, err)
	}
	return nil
}

// undone is nil for an error which says that there is nothing left to undo.
func undone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// How long a worker of the kernel may take to make a device appear or vanish, and
// the time between two looks.
const (
	deviceLimit = 10 * time.Second
	deviceStep  = 2 * time.Millisecond
)

// await waits until the file at path is there, or is gone.
func await(path string, there bool) error {
	for end := time.Now().Add(deviceLimit); ; time.Sleep(deviceStep) {
		_, err := os.Lstat(path)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case there == (err == nil):
			return nil
		case time.Now().After(end) && there:
			return fmt.Errorf("%s does not appear", path)
		case time.Now().After(end):
			return fmt.Errorf("%s does not vanish", path)
		}
	}
}
