package tests

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/verdict"
)

// anyExit is the exit of a case that may leave by each of them, as
// [verdict.Case.Reached] tells.
const anyExit = "any"

// sweepSpec makes spec one of a sweep.
func sweepSpec(spec guest.Spec) guest.Spec {
	spec.Trigger = "fail-nth"
	spec.Noise = append(spec.Noise, klog.FaultInjection)
	return spec
}

// sweepLimit ends a sweep that never runs out of allocations, which would be a
// fault of the sweep.
const sweepLimit = 5000

// injector opens fail-nth for the case. It comes before the case creates
// anything: without it there is nothing to do.
func injector(c *guest.C) *fault.Nth {
	nth, err := fault.OpenNth(guest.Debugfs)
	if errors.Is(err, fault.ErrAbsent) {
		c.SkipNow(err.Error())
	}
	c.Unless(err)
	c.Env.OnClose(nth.Close)
	return nth
}

// sweep makes the n-th of what the injector fails fail while op runs, for every n
// there is. each is called with what the operation came to. It returns how many
// there were.
func sweep(c *guest.C, injector guest.Injector, op device.Op, each func(o guest.Outcome)) int {
	for n := 1; n <= sweepLimit; n++ {
		o, fired := c.Inject(injector, n, op)
		each(o)
		if !fired {
			return n - 1
		}
		c.Progress(n, 0)
	}
	c.Blind(verdict.Trigger, fmt.Sprintf("gave up after %d injections", sweepLimit))
	return sweepLimit
}

// sweepAll is a sweep of an operation that is known to need what is failed.
func sweepAll(c *guest.C, injector guest.Injector, op device.Op, each func(o guest.Outcome)) {
	if sweep(c, injector, op, each) == 0 {
		c.Blind(verdict.Trigger, "the injector never fired")
	}
}

// wantNoMemory checks that a refusal is one for want of memory. -EINVAL is what
// kobject_add() makes of a name it had no memory for, and a request can also be
// lost on its way in (-ENOBUFS) or its answer on the way out.
func wantNoMemory(c *guest.C, o guest.Outcome) {
	if !o.Refused() {
		return
	}
	switch o.Errno() {
	case unix.ENOMEM, unix.ENOBUFS, unix.EINVAL:
	default:
		c.Find(verdict.Errno, fmt.Sprintf("a failed allocation made the request fail with %s", unix.ErrnoName(o.Errno())), o.Err.Error())
	}
}

// TestCreateSweep fails each allocation of a creation in turn. After each
// refusal the same device is created, and deleted.
func TestCreateSweep(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, sub := range subjects() {
			spec := sweepSpec(sub.spec(""))
			spec.Exit = anyExit
			s.Case(spec, func(c *guest.C) {
				sweepAll(c, injector(c), sub.create(c, sub.plain()), sub.againAfter(c))
			})
		}
	})
}

// againAfter returns what a sweep over the creation of the plain device does after
// each injection: it creates the device if it was refused, and deletes it.
func (s subject) againAfter(c *guest.C) func(o guest.Outcome) {
	d := s.plain()
	create, remove := s.create(c, d), s.remove(c, d)
	return func(o guest.Outcome) {
		wantNoMemory(c, o)
		if o.Refused() {
			s.silent(c, o, d)
			c.Must("creation of the same device after the refusal", create)
		}
		c.Must("deletion", remove)
	}
}

// TestPerCPUSweep fails each allocation of per-cpu memory of a creation in turn,
// which fail-nth does not reach: E5, and many an ndo_init.
func TestPerCPUSweep(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, sub := range subjects() {
			spec := sub.spec("")
			spec.Exit, spec.Trigger = anyExit, "percpu-nth"
			s.Case(spec, func(c *guest.C) {
				sweepAll(c, c.PerCPU(), sub.create(c, sub.plain()), sub.againAfter(c))
			})
		}
	})
}

// TestDeleteSweep fails each allocation of a deletion in turn. A deletion may
// be refused at most because the request did not get through: then the device
// is as it was, and can be deleted.
func TestDeleteSweep(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, sub := range subjects() {
			spec := sweepSpec(sub.spec(""))
			s.Case(spec, func(c *guest.C) {
				nth, d := injector(c), sub.plain()
				create, remove := sub.create(c, d), sub.remove(c, d)
				c.Must("creation", create)
				sweepAll(c, nth, remove, func(o guest.Outcome) {
					wantNoMemory(c, o)
					if o.Refused() {
						c.Must("deletion after a refused one", remove)
					}
					c.Must("creation of the same device after its deletion", create)
				})
				c.Must("deletion", remove)
			})
		}
	})
}
