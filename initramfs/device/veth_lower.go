package device

import (
	"errors"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// The device that ways put theirs on, where they know the lower device by its
// name, and the other end of the pair that it is one of. Drivers that follow
// Ethernet devices pass over those whose name begins with "dummy" and, from 7.2
// on, over dummies of any name (dev_is_ethdev() in drivers/net/wan/lapbether.c).
const (
	lowerName  = "tdlow"
	lowerIndex = 1050
	otherName  = "tdlowp"
	otherIndex = 1051
)

// lower are the operations on the lower device, which is down at first.
type lower struct{ create, up, down, remove Op }

// newLower prepares them. The device goes when the case is
// over.
func newLower(e *Env) (lower, error) {
	if err := e.Load("veth"); err != nil {
		return lower{}, err
	}
	d := Device{Name: lowerName, Index: lowerIndex, Peer: &Device{Name: otherName, Index: otherIndex}}
	veth := pair("veth", vethInfoPeer)
	create, errCreate := veth.New(e, d)
	remove, errRemove := veth.Delete(e, d)
	up, errUp := rtnl.Link{Index: lowerIndex, Up: true}.Set()
	down, errDown := rtnl.Link{Index: lowerIndex, Down: true}.Set()
	e.OnClose(func() error { return gone(Run(remove)) })
	l := lower{create, Netlink(e.Netlink, up), Netlink(e.Netlink, down), remove}
	return l, errors.Join(errCreate, errRemove, errUp, errDown)
}

// gone is what became of an operation on a device that need not be there any more.
func gone(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// lowerEthernet is the lower device, which is up.
var lowerEthernet = Need{Name: lowerName, Device: true, Make: func(e *Env) (int, error) {
	l, err := newLower(e)
	if err != nil {
		return 0, err
	}
	if err := Run(l.create); err != nil {
		return 0, err
	}
	return lowerIndex, Run(l.up)
}}
