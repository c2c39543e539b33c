package device

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// tunFile is where tun and tap devices are made.
const tunFile = "/dev/net/tun"

// tunOp attaches a file to a device that is not there yet, which creates it
// (tun_set_iff() in drivers/net/tun.c). A file can be attached only once, and has
// the ifindex set before (TUNSETIFINDEX).
type tunOp struct {
	env     *Env
	device  Device
	flags   uint16
	fd      int
	request *unix.Ifreq
}

func (o *tunOp) Prepare() error {
	var err error
	if o.request, err = unix.NewIfreq(o.device.Name); err != nil {
		return fmt.Errorf("name %q: %w", o.device.Name, err)
	}
	o.request.SetUint16(o.flags)
	if o.fd, err = o.env.reopen(o.device.Name, tunFile); err != nil || o.device.Index == 0 {
		return err
	}
	if err := unix.IoctlSetPointerInt(o.fd, unix.TUNSETIFINDEX, o.device.Index); err != nil {
		return fmt.Errorf("set ifindex %d: %w", o.device.Index, err)
	}
	return nil
}

func (o *tunOp) Do() error { return unix.IoctlIfreq(o.fd, unix.TUNSETIFF, o.request) }

func (o *tunOp) Result(err error) error { return err }

// tunSetIff is the way to create a device with those flags, that closing the file
// deletes again (__tun_detach()). The namespace is that of who opened the file; it
// cannot be chosen here, because tun_set_iff() looks there for the name itself, so
// that register_netdevice() never meets one that is taken.
func tunSetIff(name string, flags uint16) Way {
	return Way{
		Name:   name,
		Chosen: Name | Index,
		New: func(e *Env, d Device) (Op, error) {
			return &tunOp{env: e, device: d, flags: flags}, nil
		},
		Delete: closeHolder,
	}
}
