package tests

import (
	"errors"
	"fmt"
	"slices"
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

// wantNoMemory checks that a refusal is one for want of memory, or one of others.
// -EINVAL is what kobject_add() makes of a name it had no memory for, and a
// request can also be lost on its way in (-ENOBUFS) or its answer on the way out.
func wantNoMemory(c *guest.C, o guest.Outcome, others ...unix.Errno) {
	if o.Refused() && !noMemory(o, others...) {
		c.Find(verdict.Errno, fmt.Sprintf("a failed allocation made the request fail with %s", unix.ErrnoName(o.Errno())), o.Err.Error())
	}
}

// noMemory reports whether a refusal is one for want of memory, or one of others.
func noMemory(o guest.Outcome, others ...unix.Errno) bool {
	return slices.Contains(append(others, unix.ENOMEM, unix.ENOBUFS, unix.EINVAL), o.Errno())
}

// TestCreateSweep fails each allocation of a creation in turn. The same device is
// asked for all the time: see [retry].
func TestCreateSweep(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, sub := range subjects() {
			spec := sweepSpec(sub.spec(""))
			spec.Exit = anyExit
			s.Case(spec, func(c *guest.C) {
				nth, r := injector(c), newRetry(c, sub)
				sweep(c, nth, r.create, r.after)
				r.finish()
			})
		}
	})
}

// TestPerCPUSweep fails each allocation of per-cpu memory of a creation in turn,
// which fail-nth does not reach: E5, and many an ndo_init.
func TestPerCPUSweep(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, sub := range subjects() {
			spec := sub.spec("")
			spec.Exit, spec.Trigger = anyExit, "percpu-nth"
			s.Case(spec, func(c *guest.C) {
				call, r := c.PerCPU(), newRetry(c, sub)
				sweep(c, call, r.create, r.after)
				r.finish()
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
				if sub.way.Worker && c.Traces() {
					rehearseWorker(c, nth, remove)
					c.Must("creation", create)
				}
				sweep(c, nth, remove, func(o guest.Outcome) {
					sub.wantNoMemory(c, o)
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

// rehearseWorker skips the case where all that is done for a deletion is done by a
// worker: the thread that asks for it then has no allocation that could fail.
func rehearseWorker(c *guest.C, nth *fault.Nth, remove device.Op) {
	r := c.Rehearse(nth, remove)
	c.Granted("deletion", r.Outcome)
	if r.Counted == 0 {
		c.SkipNow("a worker deletes the device, and who asks for that allocates nothing")
	}
}
