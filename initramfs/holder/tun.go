package holder

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// tunFile is the device by which tun devices are made; devtmpfs has it when the
// kernel has CONFIG_TUN.
const tunFile = "/dev/net/tun"

// Tun is a tun or tap device that lives as long as one of its files is open, one
// for each queue (drivers/net/tun.c).
type Tun struct{ Files []int }

// OpenTun creates the device. Flags are those of struct ifreq for TUNSETIFF;
// with more than one queue, IFF_MULTI_QUEUE must be among them. The error is
// [ErrAbsent] when the kernel has no tun devices.
func OpenTun(name string, flags uint16, queues int) (*Tun, error) {
	t := &Tun{}
	for range queues {
		fd, err := unix.Open(tunFile, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
			return nil, fmt.Errorf("%w: tun, which needs CONFIG_TUN: %w", ErrAbsent, err)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", tunFile, err), t.Close())
		}
		t.Files = append(t.Files, fd)
		if err := attach(fd, name, flags); err != nil {
			return nil, errors.Join(fmt.Errorf("create %s: %w", name, err), t.Close())
		}
	}
	return t, nil
}

func attach(fd int, name string, flags uint16) error {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	request.SetUint16(flags)
	return unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
}

// Close closes the files that are still open, the last of which takes the device
// with it.
func (t *Tun) Close() error {
	var errs []error
	for _, fd := range t.Files {
		errs = append(errs, unix.Close(fd))
	}
	t.Files = nil
	return errors.Join(errs...)
}

// After are the uses of the files once the device is gone: tun_get() finds none.
func (t *Tun) After() []Use {
	var uses []Use
	for _, fd := range t.Files {
		uses = append(uses,
			Use{What: "write to the tun file", Want: unix.EBADFD, Do: func() error {
				_, err := unix.Write(fd, make([]byte, 60))
				return err
			}},
			Use{What: "read from the tun file", Want: unix.EBADFD, Do: func() error {
				_, err := unix.Read(fd, make([]byte, 4096))
				return err
			}},
			Use{What: "ask the tun file for its device", Want: unix.EBADFD, Do: func() error {
				request, err := unix.NewIfreq("")
				if err != nil {
					return err
				}
				return unix.IoctlIfreq(fd, unix.TUNGETIFF, request)
			}},
		)
	}
	return uses
}
