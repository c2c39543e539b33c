package gotest

import (
	"slices"
	"strings"
)

// Merger makes one stream of the events of several guests, which all run the
// same tests.
//
// A test is one of two things. A claimed test is run by one guest, which
// [Merger.Own] names; its events, and those of its subtests, are passed on, but
// for its end: what that is [Merger.End] says. The guests that [Merger.Deny]
// names leave no trace of it. Every other test
// (a parent of claimed tests, or a test function that claims nothing) is shared:
// every guest runs it, and in the merged stream it begins once and ends once,
// in [Merger.Close], with the worst of its ends and those of its subtests. What
// it prints is shown from the guest that began it first, and from another one
// only where it failed.
//
// A test's events are held back until it is known what it is: until Own or Deny,
// a subtest, or its end.
//
// The merged stream is well-formed whatever the guests send: each test begins
// once, after its parent, and ends once, after its subtests. Guests are numbered
// from 1. A Merger must not be used by several goroutines at once.
type Merger struct {
	emit  func(Event)
	tests map[string]*test
	order []*test // as they were met
	said  map[string]bool
}

// NewMerger returns a merger that gives each event of the merged stream to
// emit.
func NewMerger(emit func(Event)) *Merger {
	return &Merger{emit: emit, tests: map[string]*test{}, said: map[string]bool{}}
}

// get returns what is known of the test called name, which is not empty.
func (m *Merger) get(name string) *test {
	t := m.tests[name]
	if t != nil {
		return t
	}
	t = &test{name: name, views: map[int]*view{}}
	m.tests[name] = t
	m.order = append(m.order, t)
	return t
}

// place finds the parent of t, which the guest begins: the test with the
// longest name that may be running subtests there. Names alone do not tell,
// because T.Run may be given one with slashes.
func (m *Merger) place(t *test, guest int) {
	if t.parent != nil {
		return
	}
	for name := Parent(t.name); name != ""; name = Parent(name) {
		a := m.tests[name]
		if a == nil && Parent(name) == "" {
			a = m.get(name)
		}
		if a == nil {
			continue
		}
		if v := a.views[guest]; Parent(name) == "" || v != nil && v.begun && !v.paused && !v.over {
			t.parent = a
			a.subs = append(a.subs, t)
			return
		}
	}
}

// Own says that the test is the guest's: its events are passed on, from here
// and from before.
func (m *Merger) Own(name string, guest int) {
	t := m.get(name)
	t.kind, t.owner = claimed, guest
	for sub := range t.tree {
		for _, e := range sub.view(guest).take() {
			m.pass(sub, e)
		}
	}
}

// Deny says that the guest will skip the test, which leaves no trace.
func (m *Merger) Deny(name string, guest int) {
	v := m.get(name).view(guest)
	v.denied = true
	v.take()
}

// Forget says that the tests ended with the guest that owned them and are run
// again by another, which [Merger.Own] will name. What begins again does not
// begin twice in the merged stream.
func (m *Merger) Forget(names ...string) {
	for _, name := range names {
		m.get(name).owner = 0
	}
}

// End ends a claimed test in the merged stream: with the given end, after the
// lines of output, which are shown as T.Log shows lines. It does nothing when
// the test has ended.
func (m *Merger) End(name string, end Action, elapsed float64, lines ...string) {
	t := m.get(name)
	t.kind = claimed
	m.place(t, 0)
	m.finish(t, end, elapsed, lines...)
}

// Gone says that the guest sends nothing more. What it printed in shared tests
// that it did not end is shown: it may say why.
func (m *Merger) Gone(guest int) {
	for _, t := range m.order {
		v := t.views[guest]
		if v == nil {
			continue
		}
		v.gone = true
		if v.denied || v.end != "" || t.kind == claimed {
			continue
		}
		m.replay(t, v.take())
		t.speaker = t.running()
		if next := t.views[t.speaker]; next != nil {
			m.replay(t, next.take())
		}
	}
}

// Close ends every test that has not ended: a test that began and never ended
// anywhere fails. It returns the names of the shared tests that failed in a
// guest in which none of their subtests did, or never ended.
func (m *Merger) Close() (failed []string) {
	for _, t := range m.order {
		if t.parent == nil {
			m.place(t, 0)
		}
	}
	for _, t := range m.order {
		if t.parent == nil {
			failed = append(failed, m.closeTree(t)...)
		}
	}
	slices.Sort(failed)
	return failed
}

// closeTree ends t and its subtests.
func (m *Merger) closeTree(t *test) (failed []string) {
	for _, sub := range t.subs {
		failed = append(failed, m.closeTree(sub)...)
	}
	end, elapsed := t.sharedEnd()
	switch {
	case t.over():
	case end == "" && (t.shown || t.began() && !t.hasSub):
		m.finish(t, Fail, elapsed, "no guest got to the end of this test")
		failed = append(failed, t.name)
	case t.shown || end == Fail || end != "" && !t.hasSub:
		m.finish(t, end, elapsed)
	}
	if t.kind != claimed && t.failedItself() {
		failed = append(failed, t.name)
	}
	return failed
}

// Event takes the next event of the guest.
func (m *Merger) Event(guest int, e Event) {
	switch {
	case e.Action == Final: // the end of one guest is not that of the run
		return
	case e.Test == "":
		m.unattributed(e)
		return
	}
	t := m.get(e.Test)
	t.view(guest).note(e.Action)
	m.place(t, guest)
	if e.Action == Run {
		for a := t.parent; a != nil; a = a.parent {
			a.hasSub = true
			m.share(a)
		}
	}
	switch decided, denied := t.decision(guest); {
	case denied:
		m.drop(t, guest, e)
	case decided:
		m.pass(t, e)
	case t.kind == claimed:
		t.view(guest).hold(e) // another guest's; an answer to a claim may follow
	default:
		m.undecided(t, guest, e)
	}
}

// once are the lines that each test binary prints before or after all tests,
// and of which one is enough.
var once = []string{"-test.shuffle ", NoTests}

// NoTests is what a test binary prints when -test.run matched nothing
// (testing.M.Run).
const NoTests = "testing: warning: no tests to run"

// unattributed passes on what belongs to no test.
func (m *Merger) unattributed(e Event) {
	if e.Action != Output {
		return
	}
	for _, line := range once {
		if strings.HasPrefix(e.Output, line) {
			if m.said[line] {
				return
			}
			m.said[line] = true
		}
	}
	m.emit(e)
}

// drop takes an event of a test that the guest was denied. After its end only
// what was printed past package testing can still bear its name.
func (m *Merger) drop(t *test, guest int, e Event) {
	v := t.view(guest)
	switch {
	case e.Action.Ends():
		v.end = e.Action
	case e.Action == Output && v.end != "":
		m.sayAbove(t, e.Output)
	}
}

// pass passes on an event of a claimed test, or of a subtest of one, in the
// guest that owns it.
func (m *Merger) pass(t *test, e Event) {
	switch {
	case e.Action == Output:
		m.say(t, e.Output)
	case e.Action.Ends() && t.kind == claimed: // Merger.End says with what
	case e.Action.Ends():
		m.finish(t, e.Action, e.Elapsed)
	default:
		m.step(t, e)
	}
}

// undecided takes an event of a test that is shared, or may be.
func (m *Merger) undecided(t *test, guest int, e Event) {
	v := t.view(guest)
	if e.Action == Run {
		v.begun = true
		if t.speaker == 0 {
			t.speaker = guest
		}
	}
	if e.Action.Ends() {
		m.endShared(t, guest, e)
		return
	}
	if !v.hold(e) || t.kind == shared {
		m.share(t)
	}
}

// endShared notes the end of a shared test in one guest.
func (m *Merger) endShared(t *test, guest int, e Event) {
	v := t.view(guest)
	v.end, v.elapsed = e.Action, e.Elapsed
	m.share(t)
	if held := v.take(); e.Action == Fail {
		m.replay(t, held)
	}
	if !t.hasSub && !t.over() {
		m.show(t)
	}
}

// share makes t a shared test and shows what its speaker told so far.
func (m *Merger) share(t *test) {
	if t.kind == claimed {
		return
	}
	t.kind = shared
	if v := t.views[t.speaker]; v != nil {
		m.replay(t, v.take())
	}
}

// replay passes on what was held of a shared test. That it began or paused is
// worth nothing by itself: perhaps no guest is granted any part of it.
func (m *Merger) replay(t *test, held []Event) {
	for _, e := range held {
		switch {
		case e.Action == Output:
			m.say(t, e.Output)
		case t.shown:
			m.step(t, e)
		}
	}
}

// show begins t in the merged stream, after its parents.
func (m *Merger) show(t *test) {
	if t.shown {
		return
	}
	if t.parent != nil {
		m.show(t.parent)
	}
	t.shown = true
	m.emit(Event{Action: Run, Test: t.name})
}

// step passes on a beginning, a pause, its end, or an attribute.
func (m *Merger) step(t *test, e Event) {
	if t.over() {
		return
	}
	m.show(t)
	switch e.Action {
	case Pause:
		if !t.paused {
			t.paused = true
			m.emit(e)
		}
	case Run, Cont: // what runs again in another guest goes on
		if t.paused {
			t.paused = false
			m.emit(Event{Action: Cont, Test: t.name})
		}
	case Attr:
		m.emit(e)
	}
}

// say passes on output of t.
func (m *Merger) say(t *test, output string) {
	if t.over() {
		m.sayAbove(t, output)
		return
	}
	m.show(t)
	m.emit(Event{Action: Output, Test: t.name, Output: output})
}

// sayAbove passes on output whose test is not open any more: package testing
// attributes what is printed past it, such as the text of a panic, to whichever
// test it named last.
func (m *Merger) sayAbove(t *test, output string) {
	for a := t.parent; a != nil; a = a.parent {
		if a.shown && a.end == "" {
			m.emit(Event{Action: Output, Test: a.name, Output: output})
			return
		}
	}
	m.emit(Event{Action: Output, Output: output})
}

// finish ends t in the merged stream, after those of its subtests that have not
// ended.
func (m *Merger) finish(t *test, end Action, elapsed float64, lines ...string) {
	if t.over() {
		return
	}
	for _, sub := range t.subs {
		if sub.shown {
			m.finish(sub, end, 0)
		}
	}
	for _, line := range lines {
		m.say(t, indent+strings.TrimSuffix(line, "\n")+"\n")
	}
	m.step(t, Event{Action: Cont})
	t.end = end
	m.emit(Event{Action: end, Test: t.name, Elapsed: elapsed})
}
