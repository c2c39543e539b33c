package guest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"netdev.test/teardown/initramfs/account"
	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/module"
	"netdev.test/teardown/initramfs/percpu"
	"netdev.test/teardown/initramfs/remains"
	"netdev.test/teardown/initramfs/rtnl"
	"netdev.test/teardown/initramfs/trace"
	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// A Spec says what a case is about.
type Spec struct {
	// Name is the test's name below the top-level test. Its elements are
	// separated by slashes, and -run matches them one by one.
	Name    string
	Kind    string
	Exit    trace.Exit // the exit it aims at; empty when it refuses nothing
	Trigger string     // how it gets there
	// Needs must be in the kernel; without them the case is skipped.
	Needs []Requirement
	// Modules must be in the kernel; without them the case is skipped.
	Modules []string
	// Noise names the signatures of the kernel log that the trigger provokes
	// by design (see [klog.Scan]).
	Noise []string
}

// A Requirement is something that not every kernel has.
type Requirement struct {
	Lines  device.Lines // that have it
	Config string       // symbol that builds it
}

// C is one case while it runs. Its methods are for the goroutine that provokes.
type C struct {
	Env device.Env

	spec    Spec
	serial  int
	before  remains.Snapshot
	began   uint64 // in jiffies, as kmemleak dates its objects
	account account.Snapshot
	record  record
	endedAt time.Time
	tid     int // thread that provokes
	watch   watch
	number  atomic.Int64 // of the injection that is being made
	leaks   []charged    // set by the round's scan

	mu      sync.Mutex
	result  verdict.Case
	helpers []int // threads beside the one that provokes
	stuck   bool  // the provocation was given up: what its thread still says is not heard
	stopped bool  // the provocation ended early

	provoked bool // the provocation began
}

// errStop ends a provocation early, after a finding that makes going on
// pointless.
var errStop = errors.New("the provocation was stopped")

// Case runs one case, if the host grants it: provoke in a thread of its own, all
// oracles but the leak scan, then the pause, the scan, and the verdict.
func (s *Session) Case(spec Spec, provoke func(c *C)) {
	s.T.Run(spec.Name, func(t *testing.T) {
		about := spec.about(t.Name())
		if why := spec.lacking(); why != "" {
			about.Verdict, about.Reason = verdict.Skip, why
		}
		if !self.host.claim(about) {
			t.SkipNow()
		}
		self.cases++
		c := &C{spec: spec, serial: self.cases, result: about}
		c.run(provoke)
		c.endedAt = time.Now()
		self.host.send(wire.Message{Type: wire.Settled, Test: t.Name()})
		if c.provoked { // also if it was skipped then: what it allocated is its own
			s.round.settled(c)
			t.Parallel()
			s.round.scan()
		}
		c.conclude(t)
	})
}

// lacking tells which of the needs the kernel does not meet, or "".
func (s Spec) lacking() string {
	for _, r := range s.Needs {
		if why := self.lack(r.Lines, r.Config); why != "" {
			return why
		}
	}
	return ""
}

// about is what is known of the case before it runs.
func (s Spec) about(name string) verdict.Case {
	return verdict.Case{
		Name:     name,
		Kind:     s.Kind,
		Exit:     cmp.Or(string(s.Exit), "-"),
		Trigger:  s.Trigger,
		Evidence: []verdict.Finding{},
	}
}

// run provokes, and asks every oracle that can answer at once.
func (c *C) run(provoke func(c *C)) {
	if c.result.Verdict == verdict.Skip {
		return
	}
	for _, name := range c.spec.Modules {
		if err := self.load(name); errors.Is(err, module.ErrAbsent) {
			c.Skip(fmt.Sprintf("the kernel has no module %s", name))
			return
		} else if err != nil {
			c.Blind(verdict.Trigger, err.Error())
			return
		}
	}
	c.checkTracer()
	c.Env.Netlink, c.Env.Load, c.Env.Release = self.netlink, self.load, self.release
	if err := c.begin(); err != nil {
		c.Blind(verdict.Remains, err.Error())
		return
	}
	c.provoked = true
	c.supervise(provoke)
	c.end()
}

// checkTracer makes sure that the exits of the case's kind can be told apart.
func (c *C) checkTracer() {
	k, known := device.ByName(c.spec.Kind)
	switch {
	case self.tracer == nil:
		c.Blind(verdict.Trigger, "the kernel has no kprobe events: no exit can be proven")
	case known && self.initOf(k) != "" && !k.Eager && !self.tracer.Has(trace.InitEvent(self.driverOf[k.Name])):
		c.Blind(verdict.Trigger, fmt.Sprintf("%s cannot be traced: no exit can be proven", self.initOf(k)))
	}
}

// begin notes what is there before the provocation.
func (c *C) begin() error {
	if err := self.forget(); err != nil {
		return err
	}
	if err := os.WriteFile("/dev/kmsg", []byte(klog.CaseMark(c.result.Name)+"\n"), 0); err != nil {
		return fmt.Errorf("mark the case in the kernel log: %w", err)
	}
	var err error
	if c.before, err = self.snapshot(); err != nil {
		return err
	}
	if self.accounts {
		if c.account, err = self.balance(); err != nil {
			return err
		}
	}
	if self.detector != nil {
		c.began, err = self.detector.Jiffies()
	}
	return err
}

// forget passes over what the kernel said before the case, and also what was
// lost of it: neither is the case's.
func (m *machine) forget() error {
	var lost *klog.LostError
	if _, err := m.log.Drain(); err != nil && !errors.As(err, &lost) {
		return err
	}
	if _, err := m.listener.Notices(); err != nil && !errors.Is(err, rtnl.ErrOverrun) {
		return err
	}
	if m.tracer != nil {
		if _, err := m.tracer.Drain(); err != nil && !errors.Is(err, trace.ErrLost) {
			return err
		}
	}
	return m.warnAgain()
}

// clearWarnOnce makes every WARN_ON_ONCE() of the kernel one that has not fired
// yet (clear_warn_once_set() in kernel/panic.c).
const clearWarnOnce = "/sys/kernel/debug/clear_warn_once"

// warnAgain keeps what warned in one case from being silent in the next.
func (m *machine) warnAgain() error {
	if err := os.WriteFile(clearWarnOnce, []byte("1"), 0); err != nil {
		return fmt.Errorf("have the kernel warn again: %w", err)
	}
	return nil
}

// supervise runs the provocation in a thread that ends with it, so that neither
// its stack nor its namespaces outlive it, and watches its operations.
func (c *C) supervise(provoke func(c *C)) {
	done := make(chan struct{})
	ready := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		c.tid = gettid()
		close(ready)
		defer c.recoverStop()
		c.Injection(0)
		provoke(c)
	}()
	<-ready
	began := time.Now()
	c.watch.over(c, done)
	c.result.Seconds = time.Since(began).Seconds()
}

// recoverStop turns the panic of [C.stop] into the end of the provocation. Any
// other panic is a bug of the suite, and goes on.
func (c *C) recoverStop() {
	v := recover()
	if v != nil && v != any(errStop) {
		panic(v)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = c.stopped || v != nil
}

// Unfinished has undo run when the case is over if its provocation stopped before its
// end: what it did not come to take back would be found as left behind.
func (c *C) Unfinished(undo func() error) {
	c.Env.OnClose(func() error {
		if !c.stopped {
			return nil
		}
		return undo()
	})
}

func (c *C) stop() { panic(errStop) }

// end asks the oracles that look at what the provocation left.
func (c *C) end() {
	if c.stuck {
		return // looking would wait for what the thread waits for
	}
	if err := c.Env.Close(); err != nil {
		c.Blind(verdict.Remains, err.Error())
	}
	c.checkLeft()
	c.checkLife()
	c.checkLog()
	c.checkLockdep()
	c.before, c.account, c.record = nil, nil, record{} // there are thousands of cases in a guest
}

// What a case left may go by itself: a network namespace is torn down by a
// worker (cleanup_net()), a rescuer thread ends after its workqueue was freed by
// RCU, and with CONFIG_DEBUG_KOBJECT_RELEASE a device is released up to four
// seconds late ([machine.settleLimit]). Nothing announces either.
const (
	settleTime = 7 * time.Second        // how long that may take
	settleStep = 5 * time.Millisecond   // between two looks
	flushStep  = 200 * time.Millisecond // before the first flush of deferred namespaces
)

// checkLeft compares what is there now with what was there before.
func (c *C) checkLeft() {
	left, err := c.settle()
	if err != nil {
		c.Blind(verdict.Remains, err.Error())
	}
	if err == nil && len(left.changes) == 0 && !self.quarantines() {
		self.last = left.now
	}
	if changes := left.changes; len(changes) > 0 {
		c.Find(verdict.Remains, changes[0].Title(), lines(changes))
		// A sweep comes before the cases of its kind that leave nothing, and to which the
		// kernel could say that a name is taken.
		if slices.ContainsFunc(changes, remains.Change.InTheWay) || c.result.Injections > 1 {
			c.spoil("it left something behind: " + changes[0].Title())
		}
	}
	for _, a := range left.percpu {
		c.Find(verdict.PerCPU, a.Title(), perCPUDetail(a))
	}
	for _, a := range c.record.percpu.Twice() {
		c.Find(verdict.PerCPU, a.TwiceTitle(), perCPUDetail(a))
	}
	for _, g := range left.grown {
		c.Find(verdict.Account, "allocations left: "+g.Site.String(), fmt.Sprintf("%d more than before the case", g.More))
	}
}

// perCPUDetail tells the size and the origin of an allocation.
func perCPUDetail(a percpu.Alloc) string {
	return fmt.Sprintf("%d bytes for each processor, allocated in\n%s", a.Size, strings.Join(a.Stack, "\n"))
}

// lines writes each of things in a line of its own.
func lines[T fmt.Stringer](things []T) string {
	var all []string
	for _, t := range things {
		all = append(all, t.String())
	}
	return strings.Join(all, "\n")
}

// leftover is what a case has not given back at one moment.
type leftover struct {
	now     remains.Snapshot
	changes []remains.Change
	percpu  []percpu.Alloc
	grown   []account.Growth
	dying   int // devices that somebody else may be about to release
}

func (l leftover) empty() bool { return len(l.changes)+len(l.percpu)+len(l.grown)+l.dying == 0 }

// deferred reports whether the memory of a dead namespace is all that is left.
func (l leftover) deferred() bool {
	return remains.OnlyNamespaces(l.changes) && len(l.percpu)+len(l.grown)+l.dying == 0
}

// settle looks until nothing is left, or the time is over. Each flush of deferred
// namespaces waits longer than the last, because it makes a namespace itself, which
// on a slow kernel takes its time to die.
func (c *C) settle() (leftover, error) {
	begin := time.Now()
	flush, wait := begin.Add(flushStep), 2*flushStep
	for {
		began := time.Now()
		left, err := c.look()
		if err != nil || left.empty() || time.Since(begin) > self.settleLimit() {
			return left, err
		}
		if left.deferred() && self.defersNamespaces() && time.Now().After(flush) {
			if err := flushNamespaces(); err != nil {
				return left, err
			}
			flush, wait = time.Now().Add(wait), 2*wait
		}
		time.Sleep(max(settleStep, time.Since(began))) // leave as much time to what is waited for
	}
}

// look asks the oracles of what is left.
func (c *C) look() (leftover, error) {
	var left leftover
	now, err := self.resnap()
	if err != nil {
		return left, err
	}
	left.now, left.changes = now, now.Diff(c.before)
	c.drain() // last, so that the record knows of whatever is gone by now
	left.percpu = c.record.percpu.Of(c.threads())
	left.dying = c.dying()
	if !self.accounts || !left.empty() { // the account is long, and last to settle
		return left, nil
	}
	counts, err := self.balance()
	left.grown = counts.Since(c.account)
	return left, err
}

func (c *C) checkLog() {
	defer self.spent(verdict.Log, time.Now())
	records, err := self.log.Drain()
	if err != nil {
		c.Blind(verdict.Log, err.Error())
	}
	for _, report := range klog.Scan(records, c.spec.Noise...) {
		if report.Kind == klog.Blind {
			c.Blind(verdict.Log, report.Title)
			continue
		}
		c.Find(verdict.Log, report.Title, report.Text)
	}
}

// spoil keeps further cases out of this guest.
func (c *C) spoil(reason string) {
	self.host.send(wire.Message{Type: wire.Spoiled, Test: c.result.Name, Reason: reason})
}

// Find adds a finding: an oracle spoke.
// A sweep meets the same bug at many injections, so what the same oracle said
// before in the same words is not added again.
func (c *C) Find(oracle verdict.Oracle, title, detail string) {
	c.findAt(int(c.number.Load()), oracle, title, detail)
}

// findAt adds a finding about the injection with that number.
func (c *C) findAt(injection int, oracle verdict.Oracle, title, detail string) {
	c.note(&c.result.Evidence, verdict.Finding{Oracle: oracle, Title: title, Detail: detail, Injection: injection})
}

// Blind notes that an oracle could not see, or a trigger not be proven, and why.
func (c *C) Blind(oracle verdict.Oracle, why string) {
	c.note(&c.result.Blind, verdict.Finding{Oracle: oracle, Title: why, Injection: int(c.number.Load())})
}

func (c *C) note(findings *[]verdict.Finding, f verdict.Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := func(g verdict.Finding) bool {
		// Devices that are alike may stay for different reasons, of which not all are known.
		return g.Oracle == f.Oracle && g.Title == f.Title && (f.Oracle != verdict.Live || g.Detail == f.Detail)
	}
	if !c.stuck && !slices.ContainsFunc(*findings, said) {
		*findings = append(*findings, f)
	}
}

// Skip gives the case no verdict about the kernel, which lacks something.
func (c *C) Skip(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stuck {
		c.result.Verdict, c.result.Reason = verdict.Skip, why
	}
}

// SkipNow ends the provocation because the kernel lacks something that the case
// needs.
func (c *C) SkipNow(why string) {
	c.Skip(why)
	c.stop()
}

// Unless stops the provocation when err is not nil: something that the case
// needs, and that is not what it tests, failed.
func (c *C) Unless(err error) {
	if err != nil {
		c.Blind(verdict.Trigger, err.Error())
		c.stop()
	}
}

// Injection says that the n-th injection is about to be made; 0 says that none
// is. What the thread allocates from now on is charged to it.
func (c *C) Injection(n int) {
	c.number.Store(int64(n))
	if err := setComm(comm(c.serial, n)); err != nil {
		c.Blind(verdict.Kmemleak, err.Error())
	}
}

// Kind is the kind of device that the case is about.
func (c *C) Kind() string { return c.spec.Kind }

// Progress tells the host that done of about of steps are over.
func (c *C) Progress(done, of int) {
	self.host.send(wire.Message{Type: wire.Progress, Test: c.result.Name, Done: done, Of: of})
}

// conclude decides the verdict, once the scan is over, and tells it to the host
// and to testing.
func (c *C) conclude(t *testing.T) {
	c.addLeaks()
	c.result.Blind = append(c.result.Blind, self.blind...)
	self.known.Explain(self.release, &c.result)
	verdict.Decide(&c.result)
	self.host.send(wire.Message{Type: wire.Verdict, Test: t.Name(), Case: &c.result})
	for _, f := range slices.Concat(c.result.Evidence, c.result.Blind) {
		t.Log(describe(f))
	}
	switch c.result.Verdict {
	case verdict.Fail:
		t.Fail()
	case verdict.Unknown:
		t.Errorf("unknown: %s", c.result.Reason)
	case verdict.Skip:
		t.Skip(c.result.Reason)
	}
}

// describe puts a finding into words for go test's output.
func describe(f verdict.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Oracle, f.Title)
	if f.Injection > 0 {
		fmt.Fprintf(&b, " (injection %d)", f.Injection)
	}
	if f.Known != "" {
		fmt.Fprintf(&b, " [known issue %s]", f.Known)
	}
	if f.Detail != "" {
		fmt.Fprintf(&b, "\n%s", f.Detail)
	}
	return b.String()
}
