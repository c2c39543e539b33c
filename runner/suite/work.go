package suite

import (
	"fmt"
	"slices"
	"time"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/gotest"
	"netdev.test/teardown/runner/result"
)

// work is one case of a round.
type work struct {
	name     string
	state    state
	guest    *guest // that has it, or had it when it ended
	about    verdict.Case
	since    time.Time // when it was granted
	step, of int       // of its progress
	lost     int       // how often a guest left it without a verdict
	alone    bool      // a known issue says that it is for a guest of its own
	verdict  *verdict.Case
	end      *gotest.Event
}

// state says where a case stands.
type state int

const (
	unclaimed state = iota // asked for, and not granted yet
	running                // its provocation is not over
	settled                // it waits for its verdict
	pending                // to be run by a guest for it: its guest died, or it is alone
	over                   // it has its entry in the result
)

// round is one repetition of the suite.
type round struct {
	works      map[string]*work
	order      []*work // as they were first asked for
	enumerated bool    // a guest got to the end of the tests: works holds all cases
}

func (r *round) work(name string) *work {
	w := r.works[name]
	if w == nil {
		w = &work{name: name}
		r.works[name] = w
		r.order = append(r.order, w)
	}
	return w
}

// in returns the cases in the given state.
func (r *round) in(st state) (works []*work) {
	for _, w := range r.order {
		if w.state == st {
			works = append(works, w)
		}
	}
	return works
}

// count is how many cases are in a state.
func (r *round) count(st state) int {
	n := 0
	for _, w := range r.order {
		if w.state == st {
			n++
		}
	}
	return n
}

// describe notes what a claim tells of the case, which may be nothing.
func (w *work) describe(about *verdict.Case) {
	if about != nil {
		w.about = verdict.Case{Name: w.name, Kind: about.Kind, Exit: about.Exit, Trigger: about.Trigger}
	}
}

// take hands the case to g.
func (w *work) take(g *guest) {
	w.state, w.guest, w.since, w.verdict, w.end = running, g, time.Now(), nil, nil
	w.step, w.of = 0, 0
	g.cases = append(g.cases, w)
	g.mark = g.console.mark()
}

// tested takes an event of what the guest's test binary prints.
func (s *session) tested(g *guest, e gotest.Event) {
	if e.Output == gotest.NoTests+"\n" {
		e.Test = "" // it comes when all tests are over, and bears the name of the last
		s.noTests = true
	}
	w := s.round.works[e.Test]
	switch {
	case e.Action == gotest.Final:
		g.final = true
		s.hangUp(g)
	case e.Test == "":
		g.said = append(g.said, e.Output...)
		g.said = g.said[max(0, len(g.said)-maxSaid):]
	case e.Action == gotest.Fail:
		g.failed++
	case e.Action == gotest.Skip && w == nil && (g.unfit != "" || s.stopped != ""):
		// A guest that knows that it is unfit need not ask.
		g.unasked = true
		s.merger.Deny(e.Test, g.number)
	}
	s.merger.Event(g.number, e)
	if w != nil && w.guest == g && e.Action.Ends() && w.state != over {
		w.end = &e
		s.conclude(w)
	}
}

// maxSaid bounds what is kept of what a test binary prints outside tests.
const maxSaid = 4 << 10

// ends are the ends of a Go test that agree with each verdict.
var ends = map[verdict.Verdict]gotest.Action{
	verdict.Pass:    gotest.Pass,
	verdict.Known:   gotest.Pass,
	verdict.Skip:    gotest.Skip,
	verdict.Fail:    gotest.Fail,
	verdict.Unknown: gotest.Fail,
}

// conclude ends a case of which both the verdict and the end of the test have
// come.
func (s *session) conclude(w *work) {
	if w.verdict == nil || w.end == nil {
		return
	}
	if w.end.Action != ends[w.verdict.Verdict] {
		s.unknown(w, fmt.Sprintf("its verdict is %s, and its test ended with %s", w.verdict.Verdict, w.end.Action))
		return
	}
	s.finish(w, *w.verdict, w.end.Elapsed)
}

// unknown ends a case of which something was not seen. What its guest told of
// it stays on record.
func (s *session) unknown(w *work, why string) {
	c := s.blank(w)
	if w.verdict != nil {
		c = *w.verdict
	}
	c.Blind = append(slices.Clone(c.Blind), verdict.Finding{Oracle: verdict.Guest, Title: why})
	c.Verdict, c.Oracle, c.Reason = verdict.Unknown, verdict.Guest, why
	s.finish(w, c, s.elapsed(w), "unknown: "+why)
}

// blank returns what the host knows of a case by itself.
func (s *session) blank(w *work) verdict.Case {
	c := w.about
	c.Name, c.Seconds = w.name, s.elapsed(w)
	c.Evidence = []verdict.Finding{}
	return c
}

// elapsed is the time since the case was granted, or of its test.
func (s *session) elapsed(w *work) float64 {
	switch {
	case w.end != nil:
		return w.end.Elapsed
	case w.since.IsZero():
		return 0
	}
	return time.Since(w.since).Seconds()
}

// finish ends a case: it gets its entry in the result, and its test its end in
// what is printed, after the given lines.
func (s *session) finish(w *work, c verdict.Case, elapsed float64, lines ...string) {
	w.state = over
	c.Repeat = result.RepeatCommand(w.name, s.config.Kernel.Line, s.config.Kernel.Profile)
	if w.guest != nil {
		c.Boot = w.guest.number
	}
	s.cases = append(s.cases, c)
	s.merger.End(w.name, ends[c.Verdict], elapsed, lines...)
	if w.guest != nil {
		s.progress(w.guest, Event{Phase: phaseCases, Case: w.name})
		s.hangUp(w.guest)
	}
	if s.plan.failfast && ends[c.Verdict] == gotest.Fail && s.stopped == "" {
		s.stopped = "stopped after the first failure (-failfast)"
	}
}
