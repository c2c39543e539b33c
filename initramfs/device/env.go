package device

import (
	"errors"
	"fmt"
	"slices"

	"netdev.test/teardown/initramfs/rtnl"
)

// Env is what the operations of a case work with.
type Env struct {
	Netlink *rtnl.Conn
	Load    func(module string) error // makes sure that a module is in the kernel
	Release string                    // of the kernel

	made  map[string]int // what the needs of ways made
	close []func() error
}

// A Need is something that must be there before a device can be created: a lower
// device, a socket, a terminal. It is no part of what is tested.
type Need struct {
	Name   string
	Device bool // it is a net device that the other is put on
	// Make makes it, and returns the ifindex, the descriptor or whatever number
	// operations know it by. What it needs itself it gets by [Env.Provide]; how
	// it goes again it tells by [Env.OnClose].
	Make func(e *Env) (int, error)
}

// Provide makes what is needed, unless it is there already.
func (e *Env) Provide(needs ...Need) error {
	for _, n := range needs {
		if _, ok := e.made[n.Name]; ok {
			continue
		}
		value, err := n.Make(e)
		if err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		if e.made == nil {
			e.made = map[string]int{}
		}
		e.made[n.Name] = value
	}
	return nil
}

// Made returns what the need of that name made.
func (e *Env) Made(name string) int { return e.made[name] }

// OnClose has f called when the case is over, after the functions that are given
// later.
func (e *Env) OnClose(f func() error) { e.close = append(e.close, f) }

// Close gives back what needs and operations opened, the last first.
func (e *Env) Close() error {
	var errs []error
	for _, f := range slices.Backward(e.close) {
		errs = append(errs, f())
	}
	e.close, e.made = nil, nil
	return errors.Join(errs...)
}
