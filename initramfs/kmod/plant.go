package kmod

import (
	"strconv"
	"time"
)

// A Plant is something that a detector must find.
type Plant string

// The plants. What they lose is allocated by the calling thread, under whose
// name kmemleak notes it.
const (
	Leak   Plant = "leak"   // four times 96 bytes that nothing points to, by teardown_leak(); kmemleak finds two at least
	PerCPU Plant = "percpu" // 64 bytes a processor that nothing points to, by teardown_percpu(); once until Undo
	Netdev Plant = "netdev" // a device that is allocated and not freed, by teardown_netdev(); once until Undo
	Twice  Plant = "twice"  // a device is registered and unregistered, with its priv_destructor called twice
)

// The functions of the device that [Twice] makes, for probes.
const (
	TwiceNdoInit        = "teardown_ndo_init"
	TwiceNdoUninit      = "teardown_ndo_uninit"
	TwicePrivDestructor = "teardown_priv_destructor"
)

// Plant plants p. EBUSY means that it is there already.
func (m *Module) Plant(p Plant) error { return m.write(m.plant, string(p)) }

// Undo gives back what [PerCPU] and [Netdev] took, if anything. A [Leak] stays.
func (m *Module) Undo() error { return m.write(m.plant, "undo") }

// Warn makes the kernel warn, in teardown_warn() of a worker, when the time is
// over, in milliseconds. It is a WARN_ON_ONCE(): a second one is silent unless
// somebody writes to clear_warn_once. EBUSY means that an earlier one is still to come.
func (m *Module) Warn(after time.Duration) error {
	return m.write(m.plant, "warning "+strconv.FormatInt(after.Milliseconds(), 10))
}

// Hold takes a reference to the device in the network namespace of the calling
// thread, by teardown_hold_device(). EBUSY means that one is held already.
func (m *Module) Hold(ifname string) error { return m.write(m.plant, "hold "+ifname) }

// Put drops the reference. ENODEV means that there is none.
func (m *Module) Put() error { return m.write(m.plant, "put") }
