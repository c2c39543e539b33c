package device

import (
	"cmp"
	"errors"
	"fmt"
	"net"

	"github.com/mdlayher/genetlink"
	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// A command is a request to a family of generic netlink.
type command struct {
	family string
	number uint8  // *_CMD_* of the family
	header []byte // of the family, before the attributes
	attrs  func() ([]rtnl.Attr, error)
}

// attrs is for attributes that are known ahead of time.
func attrs(as ...rtnl.Attr) func() ([]rtnl.Attr, error) {
	return func() ([]rtnl.Attr, error) { return as, nil }
}

// encode encodes struct genlmsghdr of include/uapi/linux/genetlink.h, the family's
// header and the attributes. The kernel minds no version.
func (c command) encode(family uint16) (rtnl.Request, error) {
	as, err := c.attrs()
	if err != nil {
		return nil, err
	}
	header := append([]byte{c.number, 1, 0, 0}, c.header...)
	return rtnl.NewRequest(family, 0, header, as)
}

// genlOp sends one command, over a socket of its own. The socket lives no longer
// than that, so that it does not keep a namespace alive.
type genlOp struct {
	command
	netns   int // descriptor of the namespace that is asked; 0 for the thread's
	id      uint16
	conn    *rtnl.Conn
	request rtnl.Request
}

// generic is the operation that sends c.
func generic(c command) *genlOp { return &genlOp{command: c} }

func (o *genlOp) Prepare() error {
	var err error
	if o.id == 0 {
		if o.id, err = familyID(o.family); err != nil {
			return err
		}
	}
	if o.request, err = o.encode(o.id); err != nil {
		return fmt.Errorf("%s: %w", o.family, err)
	}
	o.conn, err = dialGeneric(o.netns)
	return err
}

func (o *genlOp) Do() error { return o.conn.Send(o.request) }

func (o *genlOp) Result(err error) error {
	if err == nil {
		err = o.conn.Ack()
	}
	return cmp.Or(err, o.conn.Close())
}

// familyID asks for the number that a family has in this kernel.
func familyID(name string) (uint16, error) {
	c, err := genetlink.Dial(nil)
	if err != nil {
		return 0, fmt.Errorf("generic netlink: %w", err)
	}
	defer c.Close()
	f, err := c.GetFamily(name)
	if err != nil {
		return 0, fmt.Errorf("generic netlink family %s: %w", name, err)
	}
	return f.ID, nil
}

// dialGeneric opens a socket in a namespace, and leaves the thread where it is.
func dialGeneric(netns int) (*rtnl.Conn, error) {
	if netns == 0 {
		return rtnl.DialGeneric()
	}
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the network namespace: %w", err)
	}
	defer unix.Close(home)
	if err := unix.Setns(netns, unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter a network namespace: %w", err)
	}
	conn, err := rtnl.DialGeneric()
	return conn, cmp.Or(err, unix.Setns(home, unix.CLONE_NEWNET))
}

// makeGeneric does what a need makes, and has it undone when the case is over, which
// may find it gone already.
func (e *Env) makeGeneric(make, undo *genlOp) error {
	if err := Run(make); err != nil {
		return err
	}
	e.OnClose(func() error { return unlessGone(Run(undo)) })
	return nil
}

// unlessGone passes over that what was to be deleted is not there any more.
func unlessGone(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// index is the ifindex of the device with that name.
func index(name string) (int, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, fmt.Errorf("ifindex of %s: %w", name, err)
	}
	return i.Index, nil
}
