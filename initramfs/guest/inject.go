package guest

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/initramfs/percpu"
	"netdev.test/teardown/initramfs/trace"
	"netdev.test/teardown/initramfs/verdict"
)

// An Injector makes the n-th of something that an operation needs fail.
type Injector interface {
	// Arm sets it up for the calling thread, n from 1. The very next system call
	// should be the one under test.
	Arm(n int) error
	// Disarm ends that, and tells whether there was an n-th, which then failed.
	Disarm() (fired bool, err error)
	// Refused names what failed, the innermost function first, given what was
	// traced meanwhile and n; empty when the record does not show it.
	Refused(events []trace.Event, n int) []string
}

// Inject runs op with the n-th of what the injector fails failing. fired says
// that there was one.
func (c *C) Inject(i Injector, n int, op device.Op) (o Outcome, fired bool) {
	c.prepare(op)
	c.Injection(n)
	c.Unless(i.Arm(n))
	c.watch.begin()
	err := op.Do()
	fired, failed := i.Disarm()
	err = op.Result(err)
	c.watch.finish()
	o, heard := c.outcome(err)
	c.Injection(0)
	c.Unless(failed)
	if heard != nil { // the failure may have hit the notification itself
		o.Notices = nil
	}
	if fired {
		c.injected(n, i.Refused(o.events, n), o)
	}
	return o, fired
}

// siteFrames is how many functions name the place of an injection.
const siteFrames = 6

// injected enters the n-th injection into the result, with what was refused and
// what came of it. One that hit a detector's own allocation says nothing about
// the device, and is not counted.
func (c *C) injected(n int, refused []string, o Outcome) {
	c.checkKmemleak(n)
	if fault.Detector(refused) != "" {
		return
	}
	if len(refused) == 0 {
		c.Blind(verdict.Trigger, fmt.Sprintf("the injector did not show what it refused (injection %d)", n))
	}
	c.record.blame(n, refused)
	site := verdict.Site{Alloc: place(refused), Refused: o.Refused()}
	if registers := c.spec.Exit != ""; registers && o.Refused() {
		site.Exit = string(o.Exit())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stuck {
		return
	}
	c.result.AddSite(n, site)
	c.result.Injections++
	if o.Refused() {
		c.result.Refused++
	}
}

// place names where something was refused.
func place(refused []string) string {
	sites := trace.Sites(refused, siteFrames)
	if len(sites) == 0 {
		sites = refused
	}
	return strings.Join(sites, " < ")
}

// checkKmemleak makes sure that the n-th injection has not made kmemleak switch
// itself off, which it does for good when it cannot allocate.
func (c *C) checkKmemleak(n int) {
	if self.detector == nil {
		return
	}
	if err := self.detector.Enabled(); err != nil {
		c.Blind(verdict.Kmemleak, fmt.Sprintf("after injection %d: %v", n, err))
		c.spoil("kmemleak is blind")
		c.stop()
	}
}

// A Call makes the n-th call of a function of the kernel fail, by our own
// module.
type Call struct {
	failure kmod.Failure
	perCPU  bool // the function is that of percpu allocations, which are traced
}

// Call returns the injector that makes one of these functions, the first that the
// kernel has, return the value without running. Without the function, or our
// module, the case is skipped.
func (c *C) Call(value int64, functions ...string) *Call {
	if self.module == nil {
		c.SkipNow(kmod.ErrAbsent.Error())
	}
	symbols := self.table.Find(functions...)
	for _, f := range functions {
		if symbol, ok := symbols[f]; ok {
			c.Env.OnClose(self.module.StopFailing)
			return &Call{failure: kmod.Failure{Symbol: symbol, Value: value, Count: 1}}
		}
	}
	c.SkipNow("the compiler inlined, or the kernel lacks, " + strings.Join(functions, ", "))
	return nil
}

// PerCPU returns the injector that makes allocations of per-cpu memory fail,
// which no injector of the kernel does.
func (c *C) PerCPU() *Call {
	call := c.Call(0, percpu.Functions...)
	call.perCPU = true
	return call
}

// Arm is [Injector.Arm].
func (f *Call) Arm(n int) error {
	failure := f.failure
	failure.Skip = n - 1
	return self.module.Fail(failure)
}

// Disarm is [Injector.Disarm]. The probe stays until the case is over; it counts
// no more.
func (f *Call) Disarm() (fired bool, err error) {
	_, hits, err := self.module.Failed()
	return hits > 0, err
}

// Called reports whether per-cpu memory was asked for during an operation.
func (f *Call) Called(o Outcome) bool { return percpu.Nth(o.events, gettid(), 1) != nil }

// Refused is [Injector.Refused].
func (f *Call) Refused(events []trace.Event, n int) []string {
	if !f.perCPU {
		return []string{f.failure.Symbol}
	}
	return percpu.Nth(events, gettid(), n)
}

// VetoName makes our own module veto an event of the device with that name, as
// often as given, until the returned function is called.
func (c *C) VetoName(event, name string, errno unix.Errno, priority int) (lift func()) {
	if self.module == nil {
		c.SkipNow(kmod.ErrAbsent.Error())
	}
	c.Unless(self.module.Veto(kmod.Veto{Event: event, Pattern: name, Count: 1, Errno: errno, Priority: priority}))
	return func() {
		hits, err := self.module.Vetoed()
		c.Unless(err)
		c.Unless(self.module.LiftVeto())
		if hits == 0 {
			c.Blind(verdict.Trigger, fmt.Sprintf("no %s of %s was there to veto", event, name))
		}
	}
}
