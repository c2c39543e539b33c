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

// sweep makes the n-th allocation of an operation fail, for every n there is.
// each is called with what the operation came to.
func sweep(c *guest.C, nth *fault.Nth, op device.Op, each func(o guest.Outcome)) {
	for n := 1; n <= sweepLimit; n++ {
		o, fired := c.Inject(nth, n, op)
		each(o)
		if !fired {
			if n == 1 {
				c.Blind(verdict.Trigger, "the injector never fired")
			}
			return
		}
		c.Progress(n, 0)
	}
	c.Blind(verdict.Trigger, fmt.Sprintf("gave up after %d injections", sweepLimit))
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
				nth, d := injector(c), sub.plain()
				create, remove := sub.create(c, d), sub.remove(c, d)
				sweep(c, nth, create, func(o guest.Outcome) {
					wantNoMemory(c, o)
					if o.Refused() {
						sub.silent(c, o, d)
						c.Must("creation of the same device after the refusal", create)
					}
					c.Must("deletion", remove)
				})
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
				sweep(c, nth, remove, func(o guest.Outcome) {
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
