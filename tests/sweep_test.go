package tests

import (
	"flag"
	"fmt"
	"slices"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/verdict"
)

// exhaustive asks for every injection, also those that are alike to a driver, and for a
// retry after each of them.
var exhaustive = flag.Bool("exhaustive", false, "in sweeps, fail every allocation: also those at a call stack that was failed before, and all of the core's for each kind; and ask for each refused device again at once")

// sweepLimit ends a sweep that never runs out of allocations, which would be a
// fault of the sweep.
const sweepLimit = 5000

// sweep makes what the injector fails fail while op runs, one at a time. each is
// called with what the operation came to. An operation that is swept is known to
// need what is failed.
//
// Allocations at the same call stack fail in the same way: of these only the first
// is failed, where the injector can tell. So it is with those of the core that look the
// same to the driver, but for a few kinds ([wholeCore]). In a kernel that releases
// kobjects late a device takes seconds to go, and only some of them have their turn.
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

// wholeCore are the kinds for which each call stack of the core's own allocations is
// failed too: the plainest one, a pair, and one with many queues.
var wholeCore = []string{"dummy", "veth", "bond"}

// lateSites is in how many classes a sweep fails an allocation in a kernel that
// releases kobjects late: together they take a minute.
const lateSites = 16

// economical rehearses the operation, and fails the first allocation of each class.
// Where an injection hit another one than was rehearsed, it looks again
// for what it missed.
func (s *sweeping) economical(nth *fault.Nth) {
	var plan fault.Plan
	if guest.ReleasesLate() {
		plan.Limit = lateSites
	}
	if !slices.Contains(wholeCore, s.c.Kind()) {
		plan.Core = s.c.Core(nth)
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

// tries is how often a sweep aims at an allocation of the same class before it looks
// again where it is.
const tries = 2

// unmet fails the first allocation of each class in which none was failed yet. It
// reports whether an injection missed its mark.
func (s *sweeping) unmet(sites []string, plan *fault.Plan) (missed bool) {
	aim := fault.NewAim(sites)
	for _, i := range plan.Choose(sites) {
		for try := 0; try < tries && !plan.Done(sites[i]); try++ {
			n := aim.At(i)
			o, fired := s.inject(n)
			if !fired {
				break
			}
			hit := o.RefusedSite()
			plan.Made(hit)
			aim.Hit(n, hit)
		}
		missed = missed || !plan.Done(sites[i]) // it has its turn in the next rehearsal
	}
	return missed
}
