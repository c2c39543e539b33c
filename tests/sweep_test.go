package tests

import (
	"flag"
	"fmt"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/verdict"
)

// exhaustive asks for every injection, also those whose call stack another had, and for
// a retry after each of them.
var exhaustive = flag.Bool("exhaustive", false, "in sweeps, fail every allocation: also those at a call stack that was failed before; and ask for each refused device again at once")

// sweepLimit ends a sweep that never runs out of allocations, which would be a
// fault of the sweep.
const sweepLimit = 5000

// sweep makes what the injector fails fail while op runs, one at a time. each is
// called with what the operation came to. An operation that is swept is known to
// need what is failed.
//
// Allocations at the same call stack fail in the same way: of these only the first
// is failed, where the injector can tell. In a kernel that releases kobjects late a
// device takes seconds to go, and only some of the call stacks have their turn.
func sweep(c *guest.C, injector guest.Injector, op device.Op, each func(o guest.Outcome)) {
	s := sweeping{c: c, injector: injector, op: op, each: each}
	if nth, ok := injector.(*fault.Nth); ok && !*exhaustive && c.Traces() {
		s.economical(nth)
	} else {
		s.all()
	}
	if s.made == 0 && !s.spare() {
		c.Blind(verdict.Trigger, "the injector never fired")
	}
}

// spare reports whether the record shows that the operation needs nothing of what
// the injector fails, and skips the case then.
func (s *sweeping) spare() bool {
	call, ok := s.injector.(*guest.Call)
	if ok && !call.Called(s.last) {
		s.c.Skip("the operation allocates no per-cpu memory")
		return true
	}
	return false
}

// sweeping is a sweep in progress.
type sweeping struct {
	c        *guest.C
	injector guest.Injector
	op       device.Op
	each     func(o guest.Outcome)
	made     int           // injections that were made
	last     guest.Outcome // of the last one that was tried
}

// inject makes the n-th fail, and tells whether there was one.
func (s *sweeping) inject(n int) (o guest.Outcome, fired bool) {
	o, fired = s.c.Inject(s.injector, n, s.op)
	s.last = o
	s.each(o)
	if fired {
		s.made++
		s.c.Progress(n, 0)
	}
	return o, fired
}

// all fails every one that there is.
func (s *sweeping) all() {
	for n := 1; n <= sweepLimit; n++ {
		if _, fired := s.inject(n); !fired {
			return
		}
	}
	s.c.Blind(verdict.Trigger, fmt.Sprintf("gave up after %d injections", sweepLimit))
}

// rehearsals bounds how often a sweep looks for call stacks that it has not met.
// There are some after the first time where what is allocated depends on what is
// free, as with a new page for a slab cache.
const rehearsals = 3

// lateSites is at how many call stacks a sweep fails an allocation in a kernel that
// releases kobjects late: together they take a minute.
const lateSites = 16

// economical rehearses the operation, and fails the first allocation at each call
// stack. Where an injection hit another one than was rehearsed, it looks again
// for what it missed.
func (s *sweeping) economical(nth *fault.Nth) {
	var plan fault.Plan
	if guest.ReleasesLate() {
		plan.Limit = lateSites
	}
	there := 0
	for range rehearsals {
		r := s.c.Rehearse(nth, s.op)
		s.each(r.Outcome)
		s.c.Granted("the operation without a failure", r.Outcome) // whatever the errno
		there = max(there, len(r.Sites))
		if !s.unmet(r.Sites, &plan) {
			break
		}
	}
	s.c.Skipped(max(0, there-s.made))
}

// unmet fails the first allocation at each call stack that was not failed yet. It
// reports whether an injection missed its mark.
func (s *sweeping) unmet(sites []string, plan *fault.Plan) (missed bool) {
	for _, i := range plan.Choose(sites) {
		if plan.Done(sites[i]) {
			continue // an injection that missed its own mark hit it
		}
		o, fired := s.inject(i + 1)
		hit := o.RefusedSite()
		missed = missed || !fired || hit != sites[i]
		if fired { // sites[i] itself has its turn in the next rehearsal if it was missed
			plan.Made(hit)
		}
	}
	return missed
}
