package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// portWait is how long openPorts waits for the next event of a device, in
// seconds.
const portWait = 10

// openPorts opens the virtio-serial ports of the given names. The driver
// learns the names from QEMU while user space starts, so openPorts looks
// again after each event of a device (drivers/char/virtio_console.c,
// handle_control_message, VIRTIO_CONSOLE_PORT_NAME).
func openPorts(names ...string) ([]*os.File, error) {
	events, err := listen()
	if err != nil {
		return nil, err
	}
	defer unix.Close(events)
	for {
		devs, err := portDevices("/sys/class/virtio-ports")
		if err != nil {
			return nil, err
		}
		missing := without(devs, names)
		if len(missing) == 0 {
			return openAll(devs, names)
		}
		if err := wait(events); err != nil {
			return nil, fmt.Errorf("no virtio port %s (CONFIG_VIRTIO_CONSOLE, CONFIG_VIRTIO_PCI): %w", strings.Join(missing, ", "), err)
		}
	}
}

// portDevices maps the names of the ports under class to their devices.
func portDevices(class string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(class, "*", "name"))
	if err != nil {
		return nil, err
	}
	devs := map[string]string{}
	for _, f := range files {
		name, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("virtio port: %w", err)
		}
		devs[strings.TrimSpace(string(name))] = filepath.Join("/dev", filepath.Base(filepath.Dir(f)))
	}
	return devs, nil
}

// without lists the names that devs does not have.
func without(devs map[string]string, names []string) []string {
	var missing []string
	for _, name := range names {
		if _, ok := devs[name]; !ok {
			missing = append(missing, name)
		}
	}
	return missing
}

// openAll opens the devices of names. They are opened in blocking mode: two of
// them become descriptors of a child.
func openAll(devs map[string]string, names []string) ([]*os.File, error) {
	var files []*os.File
	for _, name := range names {
		fd, err := unix.Open(devs[name], unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s (%s): %w", devs[name], name, err)
		}
		files = append(files, os.NewFile(uintptr(fd), name))
	}
	return files, nil
}

// listen opens a socket on which the kernel tells of devices.
func listen() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return 0, fmt.Errorf("listen for devices: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1})
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: portWait})
	}
	if err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("listen for devices: %w", err)
	}
	return fd, nil
}

// wait returns at the next event, of whatever device.
func wait(events int) error {
	buf := make([]byte, 16<<10)
	for {
		_, _, err := unix.Recvfrom(events, buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("no event within %d s", portWait)
		case errors.Is(err, unix.ENOBUFS): // events were lost: look again
			return nil
		}
		return err
	}
}
