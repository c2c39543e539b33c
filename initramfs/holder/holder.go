// Package holder takes hold of net devices in the ways in which user space does:
// sockets bound to them, routes through them, open files, traffic control. Each
// way keeps a reference to the device, or something that must be torn down with
// it, and each has code of its own in the kernel that lets go when the device is
// unregistered.
package holder

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// ErrAbsent is returned when the kernel was built without what a holder needs.
var ErrAbsent = errors.New("the kernel has no such holder")

// A Target is the device to hold, in the namespace of the caller.
type Target struct {
	Name  string
	Index int
}

// A Holder is one way to hold a device.
type Holder struct {
	Name   string
	Kinds  []string // of devices that can be held so; all when empty
	Up     bool     // the device must be up, and one end of a pair then is connected
	Config string   // Kconfig symbols that make it possible
	// Modules must be in the kernel for something else that the holder makes.
	Modules []string
	// Lacking are the errnos of Hold that mean that the kernel was built without
	// Config.
	Lacking []unix.Errno
	// LetsGo is the kernel's function that gives up the reference when the
	// device is unregistered, with its file. None of these holders makes the
	// unregistration wait until user space lets go.
	LetsGo string
	// Take takes hold of the device. Use [Holder.Hold].
	Take func(t Target) (*Held, error)
}

// Fits reports whether devices of the kind can be held so.
func (h Holder) Fits(kind string) bool { return len(h.Kinds) == 0 || slices.Contains(h.Kinds, kind) }

// Hold takes hold of the device. The error is [ErrAbsent] when the kernel cannot
// do that.
func (h Holder) Hold(t Target) (*Held, error) {
	held, err := h.Take(t)
	var errno unix.Errno
	if errors.As(err, &errno) && slices.Contains(h.Lacking, errno) {
		return nil, fmt.Errorf("%w: %s, which needs %s: %w", ErrAbsent, h.Name, h.Config, err)
	}
	if err != nil {
		return nil, fmt.Errorf("hold %s by %s: %w", t.Name, h.Name, err)
	}
	return held, nil
}

// Held is a device that is held.
type Held struct {
	// After are the uses of what is held that can be made once the device is
	// gone.
	After []Use
	close []func() error
}

// A Use of what is held.
type Use struct {
	What string
	Do   func() error
	Want unix.Errno // what it must be refused with; 0 when it must succeed
}

// onClose has f called when the device is let go of; what was opened last is
// closed first.
func (h *Held) onClose(f func() error) { h.close = append(h.close, f) }

// fd notes a descriptor, which is closed when the device is let go of.
func (h *Held) fd(fd int) int {
	h.onClose(func() error { return unix.Close(fd) })
	return fd
}

// Close lets go of the device. A second call does nothing.
func (h *Held) Close() error {
	var errs []error
	for _, f := range slices.Backward(h.close) {
		errs = append(errs, f())
	}
	h.close = nil
	return errors.Join(errs...)
}

// abandon lets go of what was taken before an error, and returns the error.
func (h *Held) abandon(err error) (*Held, error) {
	return nil, errors.Join(err, h.Close())
}

// Holders are all of them.
var Holders = slices.Concat(packets, routes, addresses, traffic, files, dumps, sockets)
