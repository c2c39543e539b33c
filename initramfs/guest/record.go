package guest

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/life"
	"netdev.test/teardown/initramfs/percpu"
	"netdev.test/teardown/initramfs/trace"
	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// record is what was traced while a case ran.
type record struct {
	life   *life.Recorder
	holed  bool // events were lost: what follows the hole cannot be judged
	fresh  int  // events since devices were retired last
	marks  []mark
	percpu percpu.Balance
}

// retireEvery bounds what a long sweep keeps in memory: after so many events the
// devices are judged that came to their end long before.
const retireEvery = 20_000

// A mark says that the record holds the injection with this number up to this
// time.
type mark struct {
	until     time.Duration
	injection int
	refused   []string // the call stack of the allocation that it refused, where it is known
}

// traced are the oracles that go by the trace, and are blind when it has a hole.
var traced = []verdict.Oracle{verdict.Trigger, verdict.Life, verdict.Live, verdict.PerCPU}

// drain reads what was traced since the last time.
func (c *C) drain() []trace.Event {
	if self.tracer == nil {
		return nil
	}
	defer self.spent(traceTime, time.Now())
	events, err := self.tracer.Drain()
	if err != nil {
		for _, oracle := range traced {
			c.Blind(oracle, err.Error())
		}
		if !errors.Is(err, trace.ErrLost) {
			return nil
		}
		c.record.abandon()
	}
	c.record.add(events, int(c.number.Load()))
	if c.record.fresh > retireEvery {
		c.record.fresh = 0
		c.judge(c.record.life.Retire())
	}
	return events
}

// checkMissed asks whether the kernel missed any hit of a probe since the boot. The
// probes of the injectors see every allocation, and miss some in interrupts; an
// injection that they do not show, or show elsewhere, is noticed otherwise.
func (m *machine) checkMissed() {
	if m.tracer == nil {
		return
	}
	events, err := m.tracer.Missed()
	events = slices.DeleteFunc(events, func(e string) bool { return e == fault.EventRefused || e == fault.EventAsked })
	if err == nil && len(events) == 0 {
		return
	}
	why := fmt.Sprintf("the kernel missed hits of the probes %s", strings.Join(events, ", "))
	if err != nil {
		why = err.Error()
	}
	for _, oracle := range traced {
		m.blind = append(m.blind, verdict.Finding{Oracle: oracle, Title: why})
	}
}

// abandon gives the record up at a hole. The buffer keeps the newest events of each
// processor, so from then on histories lack steps, and an address may be another
// device's than the one it was: both would look like broken promises.
func (r *record) abandon() {
	*r = record{holed: true}
}

func (r *record) add(events []trace.Event, injection int) {
	if len(events) == 0 || r.holed {
		return
	}
	r.percpu.Add(events)
	r.marks = append(r.marks, mark{until: events[len(events)-1].Time, injection: injection})
	if r.life == nil {
		r.life = life.NewRecorder()
	}
	r.life.Add(slices.DeleteFunc(slices.Clone(events), func(e trace.Event) bool { return e.Name == fault.EventAsked }))
	r.fresh += len(events)
}

// at returns the mark of what was being made then; the zero one if that is not known.
func (r *record) at(t time.Duration) mark {
	i, _ := slices.BinarySearchFunc(r.marks, t, func(m mark, t time.Duration) int { return cmp.Compare(m.until, t) })
	if i == len(r.marks) {
		return mark{}
	}
	return r.marks[i]
}

// refused returns the call stack of the allocation that was refused when a device was made
// or, where none was, the only one until its last step; nil if that is not known. A gadget's
// device comes with its folder in configfs, before the operation that is swept.
func (r *record) refused(begin, end time.Duration) []string {
	if m := r.at(begin); m.refused != nil {
		return m.refused
	}
	var stack []string
	for _, m := range r.marks {
		if m.until < begin {
			continue
		}
		if m.refused != nil && stack != nil {
			return nil
		}
		stack = append(stack, m.refused...)
		if m.until >= end {
			break
		}
	}
	return stack
}

// blame says what the injection refused whose events were added last.
func (r *record) blame(injection int, refused []string) {
	if n := len(r.marks); n > 0 && r.marks[n-1].injection == injection {
		r.marks[n-1].refused = refused
	}
}

// checkLife asks how the devices lived that the case touched, and which of them
// still do.
func (c *C) checkLife() {
	if self.tracer == nil || c.record.life == nil {
		return
	}
	c.judge(c.record.life.Devices())
	for _, d := range c.record.life.Alive() {
		begin := d.Steps[0].Time
		refused := c.record.refused(begin, d.Steps[len(d.Steps)-1].Time)
		c.findAt(c.record.at(begin).injection, verdict.Live, liveTitle(d), liveDetail(d, refused))
	}
}

// judge asks how devices lived.
func (c *C) judge(devices []*life.Device) {
	defer self.spent(verdict.Life, time.Now())
	var tasks map[int]string
	for _, d := range devices {
		if len(life.Check(d, self.absent)) == 0 {
			continue
		}
		if tasks == nil {
			tasks, _ = self.tracer.Tasks() // without, the PIDs must do
		}
		d.Name(tasks)
		n := c.record.at(d.Steps[0].Time).injection
		for _, v := range life.Check(d, self.absent) {
			c.findAt(n, verdict.Life, v.Title, v.Detail)
		}
	}
}

// dying counts the devices that are worth a wait, because their end is not the
// case's own doing: those of a namespace, which a worker tears down, and all of
// them where kobjects are released late.
func (c *C) dying() int {
	defer self.spent(verdict.Live, time.Now())
	if c.record.life == nil {
		return 0
	}
	n := 0
	for _, d := range c.record.life.Alive() {
		if d.Exit() == trace.OK || self.delaysRelease() {
			n++
		}
	}
	return n
}

// liveTitle names the place that allocated a device.
func liveTitle(d *life.Device) string {
	const frames = 4
	return "net_device not released: " + strings.Join(trace.Sites(d.Stack, frames), " < ")
}

// liveDetail tells where a device was allocated, and what was refused to it.
func liveDetail(d *life.Device, refused []string) string {
	detail := strings.Join(d.Stack, "\n")
	if len(refused) > 0 {
		detail += "\nan allocation was refused in\n" + strings.Join(refused, "\n")
	}
	return detail
}

// traceTime is the name under which the reading of the trace is told to the host:
// several oracles share it.
const traceTime = "trace"

// spent adds the time since begin to what the oracle took.
func (m *machine) spent(oracle verdict.Oracle, begin time.Time) {
	m.timesMu.Lock()
	defer m.timesMu.Unlock()
	if m.times == nil {
		m.times = map[verdict.Oracle]time.Duration{}
	}
	m.times[oracle] += time.Since(begin)
}

// tellTimes tells the host how long each oracle took since the last time.
func (m *machine) tellTimes() {
	m.timesMu.Lock()
	defer m.timesMu.Unlock()
	for oracle, took := range m.times {
		m.host.send(wire.Message{Type: wire.Phase, Phase: string(oracle), Seconds: took.Seconds()})
	}
	clear(m.times)
}

// threads are the IDs of all threads that provoked in the case.
func (c *C) threads() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]int{c.tid}, c.helpers...)
}

// Thread runs f on a thread of its own that belongs to the case: what it
// allocates is charged to the case, and its stack does not outlive it. The
// caller waits for the channel to be closed, at the latest before the provocation
// ends.
func (c *C) Thread(f func()) (done <-chan struct{}) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		defer c.recoverStop()
		c.adopt(gettid())
		f()
	}()
	return over
}

func (c *C) adopt(tid int) {
	c.mu.Lock()
	c.helpers = append(c.helpers, tid)
	c.mu.Unlock()
	if err := setComm(comm(c.serial, 0)); err != nil {
		c.Blind(verdict.Kmemleak, err.Error())
	}
}
