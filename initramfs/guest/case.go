package guest

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/module"
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
	// Modules must be in the kernel; without them the case is skipped.
	Modules []string
	// Noise names the signatures of the kernel log that the trigger provokes
	// by design (see [klog.Scan]).
	Noise []string
}

// C is one case while it runs. Its methods are for the goroutine that provokes.
type C struct {
	Env device.Env

	spec    Spec
	serial  int
	before  remains.Snapshot
	began   uint64 // in jiffies, as kmemleak dates its objects
	endedAt time.Time
	tid     int // thread that provokes
	watch   watch
	number  atomic.Int64 // of the injection that is being made
	leaks   []charged    // set by the round's scan

	mu     sync.Mutex
	result verdict.Case
	stuck  bool // the provocation was given up: what its thread still says is not heard
}

// errStop ends a provocation early, after a finding that makes going on
// pointless.
var errStop = errors.New("the provocation was stopped")

// Case runs one case, if the host grants it: provoke in a thread of its own, all
// oracles but the leak scan, then the pause, the scan, and the verdict.
func (s *Session) Case(spec Spec, provoke func(c *C)) {
	s.T.Run(spec.Name, func(t *testing.T) {
		about := spec.about(t.Name())
		if !self.host.claim(about) {
			t.SkipNow()
		}
		self.cases++
		c := &C{spec: spec, serial: self.cases, result: about}
		c.run(provoke)
		c.endedAt = time.Now()
		self.host.send(wire.Message{Type: wire.Settled, Test: t.Name()})
		if c.result.Verdict != verdict.Skip {
			s.round.settled(c)
			t.Parallel()
			s.round.scan()
		}
		c.conclude(t)
	})
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
	for _, name := range c.spec.Modules {
		if err := self.load(name); errors.Is(err, module.ErrAbsent) {
			c.skip(fmt.Sprintf("the kernel has no module %s", name))
			return
		} else if err != nil {
			c.Blind(verdict.Trigger, err.Error())
			return
		}
	}
	c.checkTracer()
	c.Env.Netlink = self.netlink
	if err := c.begin(); err != nil {
		c.Blind(verdict.Remains, err.Error())
		return
	}
	c.supervise(provoke)
	c.end()
}

// checkTracer makes sure that the exits of the case's kind can be told apart.
func (c *C) checkTracer() {
	k, known := device.ByName(c.spec.Kind)
	switch {
	case self.tracer == nil:
		c.Blind(verdict.Trigger, "the kernel has no kprobe events: no exit can be proven")
	case known && k.NdoInit != "" && !self.tracer.Has(trace.InitEvent(k.Name)):
		c.Blind(verdict.Trigger, fmt.Sprintf("%s cannot be traced: no exit can be proven", k.NdoInit))
	}
}

// begin notes what is there before the provocation.
func (c *C) begin() error {
	// What was lost before the case began is not the case's.
	var lost *klog.LostError
	if _, err := self.log.Drain(); err != nil && !errors.As(err, &lost) {
		return err
	}
	if _, err := self.listener.Notices(); err != nil && !errors.Is(err, rtnl.ErrOverrun) {
		return err
	}
	if self.tracer != nil {
		if _, err := self.tracer.Drain(); err != nil && !errors.Is(err, trace.ErrLost) {
			return err
		}
	}
	var err error
	if c.before, err = remains.Take(self.netlink); err != nil || self.detector == nil {
		return err
	}
	c.began, err = self.detector.Jiffies()
	return err
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
	if v := recover(); v != nil && v != any(errStop) {
		panic(v)
	}
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
	c.checkRemains()
	c.checkLog()
}

// What a case left may go by itself: a network namespace is torn down by a
// worker (cleanup_net()), and a rescuer thread ends after its workqueue was
// freed by RCU. Nothing announces either.
const (
	settleTime = 5 * time.Second        // how long that may take
	settleStep = 5 * time.Millisecond   // between two looks
	flushStep  = 500 * time.Millisecond // between two flushes of deferred namespaces
)

// checkRemains compares what is there now with what was there before.
func (c *C) checkRemains() {
	changes, err := c.settle()
	if err != nil {
		c.Blind(verdict.Remains, err.Error())
	}
	if len(changes) == 0 {
		return
	}
	var lines []string
	for _, change := range changes {
		lines = append(lines, change.String())
	}
	c.Find(verdict.Remains, changes[0].Title(), strings.Join(lines, "\n"))
	if slices.ContainsFunc(changes, remains.Change.InTheWay) {
		c.spoil("it left something behind: " + changes[0].Title())
	}
}

// settle looks until nothing is different, or the time is over.
func (c *C) settle() ([]remains.Change, error) {
	begin := time.Now()
	flushed := begin
	for {
		now, err := remains.Take(self.netlink)
		if err != nil {
			return nil, err
		}
		changes := now.Diff(c.before)
		if len(changes) == 0 || time.Since(begin) > settleTime {
			return changes, nil
		}
		if self.defersNamespaces() && time.Since(flushed) > flushStep {
			flushed = time.Now()
			if err := flushNamespaces(); err != nil {
				return nil, err
			}
		}
		time.Sleep(settleStep)
	}
}

func (c *C) checkLog() {
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
	c.note(&c.result.Evidence, verdict.Finding{Oracle: oracle, Title: title, Detail: detail})
}

// Blind notes that an oracle could not see, or a trigger not be proven, and why.
func (c *C) Blind(oracle verdict.Oracle, why string) {
	c.note(&c.result.Blind, verdict.Finding{Oracle: oracle, Title: why})
}

func (c *C) note(findings *[]verdict.Finding, f verdict.Finding) {
	f.Injection = int(c.number.Load())
	c.mu.Lock()
	defer c.mu.Unlock()
	said := func(g verdict.Finding) bool { return g.Oracle == f.Oracle && g.Title == f.Title }
	if !c.stuck && !slices.ContainsFunc(*findings, said) {
		*findings = append(*findings, f)
	}
}

// skip gives the case no verdict about the kernel, which lacks something.
func (c *C) skip(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stuck {
		c.result.Verdict, c.result.Reason = verdict.Skip, why
	}
}

// SkipNow ends the provocation because the kernel lacks something that the case
// needs.
func (c *C) SkipNow(why string) {
	c.skip(why)
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
