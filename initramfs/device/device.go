// Package device is the catalogue of net device kinds: for each, how it is
// created and deleted, and what the suite must know of its driver. Adding a
// kind is adding an entry to [Kinds]; everything the suite does to one kind it
// then does to this one.
package device

import (
	"golang.org/x/sys/unix"
)

// A Kind is a sort of net device.
type Kind struct {
	Name   string // as the suite calls it, and rtnetlink unless a Way says otherwise
	Family string // of kconfigs, the fragment that builds the driver
	Module string // kernel module that provides it
	Idle   string // parameters with which loading the module creates no device
	Eager  bool   // loading the module always creates devices
	Load   Load   // how loading the module creates devices
	Config string // Kconfig symbol of the driver
	Source string // file of the driver in the kernel tree, on the newest line that has it
	Lines  Lines  // that have the kind
	Ways   []Way  // how devices of the kind come to be
	Pair   bool   // creating one device creates its peer too
	Driver
}

// A Load is a way to have devices created by a module while it is loaded.
type Load struct {
	Parameters string   // of the module
	Names      []string // of the devices
}

// A Driver names what the core calls of a driver, on the lines that have it; none
// where it has none on any line.
type Driver struct {
	NdoInit        []Function
	NdoUninit      []Function
	PrivDestructor []Function
}

// A Function is a function of a driver.
type Function struct {
	Name  string
	Lines Lines
}

// On returns the name of the function on the line of a release, "" where the
// driver has none there.
func On(release string, functions []Function) string {
	for _, f := range functions {
		if f.Lines.Lack(release) == "" {
			return f.Name
		}
	}
	return ""
}

// fn is a function that all lines have.
func fn(name string) []Function { return []Function{{Name: name}} }

// upTo is a function that lines have up to the given one, and from is one that the
// given line and later ones have.
func upTo(line, name string) []Function { return []Function{{name, Lines{To: line}}} }
func from(line, name string) []Function { return []Function{{name, Lines{From: line}}} }

// A Way is one way to create a device.
type Way struct {
	Name   string
	Lines  Lines  // that have the way
	Chosen Field  // what the creator can choose
	Given  string // the name that the driver gives, where the creator cannot choose it
	// Early says that the driver asks dev_alloc_name() for the name, and so that a bad
	// one is refused before register_netdevice() is called.
	Early bool
	// Pattern says that Given is the first name of a pattern: when it is taken, the
	// device gets the next one (__dev_alloc_name() in net/core/dev.c).
	Pattern bool
	Needs   []Need // what must be there before
	Lower   string // of the needs, the one that the device is put on
	// Outlives says that the device stays when those that it was put on are
	// deleted. Others are deleted with them.
	Outlives bool
	// Lenient says that the creator succeeds without a device whose registration is
	// refused.
	Lenient bool
	// Answer is what the creator is told of every refusal, where a driver drops
	// the errno it got.
	Answer  unix.Errno
	Answers Lines // that answer so; others pass on the errno
	// Turned are errnos that the kernel turns into others before the creator is told.
	Turned []Turn
	// Shortage are errnos beside ENOMEM, ENOBUFS and EINVAL that a failed
	// allocation turns into.
	Shortage []unix.Errno
	// Up is what bringing the device up is refused with, because it lacks
	// something that is not there in the guest; 0 when it can be brought up.
	Up unix.Errno
	// Worker says that a worker of the kernel deletes the device, after the deletion
	// returned.
	Worker bool
	// Deferred says that a worker of the kernel registers the device. No function can be
	// made to fail there: that is for the thread that asks.
	Deferred bool
	// New returns the operation that creates what d describes.
	New func(e *Env, d Device) (Op, error)
	// Delete returns the operation that deletes the device that d describes.
	Delete func(e *Env, d Device) (Op, error)
}

// A Turn says that some lines answer with another errno than they got.
type Turn struct {
	From, To unix.Errno
	Lines    Lines
}

// Told returns what the creator is told of a refusal with errno by a kernel of that
// release.
func (w Way) Told(release string, errno unix.Errno) unix.Errno {
	if w.Answer != 0 && w.Answers.Lack(release) == "" {
		return w.Answer
	}
	for _, t := range w.Turned {
		if t.From == errno && t.Lines.Lack(release) == "" {
			return t.To
		}
	}
	return errno
}

// Lowers are the names of the needs that are devices below this one.
func (w Way) Lowers() []string {
	var names []string
	for _, n := range w.Needs {
		if n.Device {
			names = append(names, n.Name)
		}
	}
	return names
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
	Slave                       // that this may be a bond
	Queues                      // the number of transmit queues
	Peer                        // the same for the other end of a pair
	PeerFlags                   // IFF_UP of the other end
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
	Lower    int // ifindex of the device it is put on
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

// An Op is one operation on the kernel, prepared so far that only one system
// call is missing. It can be repeated.
type Op interface {
	// Do makes the system call, on the calling thread, and nothing else.
	Do() error
	// Result returns what became of the operation, given what Do returned.
	Result(err error) error
}

// A Preparer is an Op that needs something new each time, such as a descriptor
// that its last Do used up. Prepare comes before each Do.
type Preparer interface {
	Op
	Prepare() error
}

// Prepare gets op ready for its Do.
func Prepare(op Op) error {
	if p, ok := op.(Preparer); ok {
		return p.Prepare()
	}
	return nil
}

// Run does op and returns what became of it.
func Run(op Op) error {
	if err := Prepare(op); err != nil {
		return err
	}
	return op.Result(op.Do())
}
