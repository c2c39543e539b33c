// Package device is the catalogue of net device kinds: for each, how it is
// created and deleted, and what the suite must know of its driver. Adding a
// kind is adding an entry to [Kinds]; everything the suite does to one kind it
// then does to this one.
package device

import (
	"netdev.test/teardown/initramfs/rtnl"
)

// A Kind is a sort of net device.
type Kind struct {
	Name   string // as the suite calls it, and rtnetlink unless a Way says otherwise
	Module string // kernel module that provides it
	Config string // Kconfig symbol of the driver
	Source string // file of the driver in the kernel tree
	Ways   []Way  // how devices of the kind come to be
	Pair   bool   // creating one device creates its peer too
	Driver
}

// A Driver names what the core calls of a driver; empty where it has none on any
// line.
type Driver struct {
	NdoInit        string
	NdoUninit      string
	PrivDestructor string // set before register_netdevice()
}

// A Way is one way to create a device.
type Way struct {
	Name   string
	Chosen Field // what the creator can choose
	// New returns the operation that creates what d describes.
	New func(e *Env, d Device) (Op, error)
	// Delete returns the operation that deletes the device that d describes.
	Delete func(e *Env, d Device) (Op, error)
}

// Field is a set of properties of a device.
type Field uint

// The properties that a creator may choose.
const (
	Name      Field = 1 << iota // the name
	Index                       // the ifindex
	Namespace                   // the network namespace
	Flags                       // IFF_UP
	Master                      // the device it is enslaved to
	Queues                      // the number of transmit queues
	Peer                        // the same for the other end of a pair
)

// Has reports whether f holds all of g.
func (f Field) Has(g Field) bool { return f&g == g }

// A Device describes a device to create or delete. Zero fields are left to the
// kernel.
type Device struct {
	Name     string
	Index    int
	NetNS    int // descriptor of the namespace it is created in
	Up       bool
	Master   int // ifindex of the master
	TxQueues int
	Peer     *Device // the other end, of a pair
}

// Names returns the names of the device and of its peer.
func (d Device) Names() []string {
	names := []string{d.Name}
	if d.Peer != nil {
		names = append(names, d.Peer.Name)
	}
	return names
}

// Env is what the operations of a case work with.
type Env struct {
	Netlink *rtnl.Conn
	close   []func() error
}

// OnClose has f called when the case is over.
func (e *Env) OnClose(f func() error) { e.close = append(e.close, f) }

// Close gives back what operations opened.
func (e *Env) Close() error {
	var first error
	for _, f := range e.close {
		if err := f(); err != nil && first == nil {
			first = err
		}
	}
	e.close = nil
	return first
}

// An Op is one operation on the kernel, prepared so far that only one system
// call is missing. It can be repeated.
type Op interface {
	// Do makes the system call, on the calling thread, and nothing else.
	Do() error
	// Result returns what became of the operation, given what Do returned.
	Result(err error) error
}

// Run does op and returns what became of it.
func Run(op Op) error { return op.Result(op.Do()) }
