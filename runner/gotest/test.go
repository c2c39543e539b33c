package gotest

import "slices"

// test is what a [Merger] knows of one test.
type test struct {
	name    string
	parent  *test // nil for a top-level test, and until it is known
	subs    []*test
	kind    kind
	owner   int           // guest of a claimed test, 0 while it has none
	views   map[int]*view // by guest
	speaker int           // guest whose output of a shared test is shown
	hasSub  bool          // a guest ran a subtest of it, granted or not

	// In the merged stream:
	shown, paused bool
	end           Action // empty until it ended
}

// kind says what a test is.
type kind int

const (
	unsettled kind = iota // not known yet
	claimed
	shared
)

// view is one test as one guest runs it.
type view struct {
	begun, paused, over bool   // what the guest said of it
	denied, gone        bool   // what is said of the guest
	end                 Action // of a shared test; empty until it ended there
	elapsed             float64
	held                []Event
	bytes               int // size of held
}

// note keeps what an event says about where the test stands in the guest.
func (v *view) note(a Action) {
	switch {
	case a == Run:
		v.begun, v.paused, v.over = true, false, false
	case a == Pause, a == Cont:
		v.paused = a == Pause
	case a.Ends():
		v.over = true
	}
}

// maxHeld bounds in bytes what is held back of one test of one guest.
const maxHeld = 256 << 10

// hold keeps an event until it is known what its test is. It returns false if
// there is no room left: the event is lost.
func (v *view) hold(e Event) bool {
	const overhead = 64 // of an event without output
	if v.bytes += len(e.Output) + overhead; v.bytes > maxHeld {
		return false
	}
	v.held = append(v.held, e)
	return true
}

// take returns what was held.
func (v *view) take() []Event {
	held := v.held
	v.held, v.bytes = nil, 0
	return held
}

func (t *test) view(guest int) *view {
	v := t.views[guest]
	if v == nil {
		v = &view{}
		t.views[guest] = v
	}
	return v
}

// tree yields t and all tests below it.
func (t *test) tree(yield func(*test) bool) {
	t.walk(yield)
}

func (t *test) walk(yield func(*test) bool) bool {
	if !yield(t) {
		return false
	}
	for _, sub := range t.subs {
		if !sub.walk(yield) {
			return false
		}
	}
	return true
}

// decision reports whether t, or a test that it is a subtest of, is the
// guest's, or was denied to it.
func (t *test) decision(guest int) (owned, denied bool) {
	for a := t; a != nil; a = a.parent {
		if v := a.views[guest]; v != nil && v.denied {
			return false, true
		}
		if a.kind == claimed && a.owner == guest {
			return true, false
		}
	}
	return false, false
}

// running returns the lowest guest that has begun t and may still end it, or 0.
func (t *test) running() int {
	first := 0
	for guest, v := range t.views {
		if v.begun && !v.gone && v.end == "" && (first == 0 || guest < first) {
			first = guest
		}
	}
	return first
}

// began reports whether a guest that was not denied t began it.
func (t *test) began() bool {
	for _, v := range t.views {
		if v.begun && !v.denied {
			return true
		}
	}
	return false
}

// sharedEnd returns the worst of the ends of a shared test in the guests, or
// Fail if a subtest failed, and the longest time that a guest took. The end is
// empty if there is none.
func (t *test) sharedEnd() (end Action, elapsed float64) {
	for _, v := range t.views {
		if !v.denied {
			end = worse(end, v.end)
			elapsed = max(elapsed, v.elapsed)
		}
	}
	if t.subFailed() {
		end = Fail
	}
	return end, elapsed
}

// subFailed reports whether a test below t failed.
func (t *test) subFailed() bool {
	return slices.ContainsFunc(t.subs, func(sub *test) bool { return sub.end == Fail || sub.subFailed() })
}

// failedItself reports whether t failed in a guest in which none of its
// subtests did.
func (t *test) failedItself() bool {
	for guest, v := range t.views {
		if v.end == Fail && !v.denied && !t.subFailedIn(guest) {
			return true
		}
	}
	return false
}

func (t *test) subFailedIn(guest int) bool {
	for _, sub := range t.subs {
		if sub.kind == claimed && sub.owner == guest && sub.end == Fail || sub.subFailedIn(guest) {
			return true
		}
		if v := sub.views[guest]; v != nil && v.end == Fail && sub.kind != claimed {
			return true
		}
	}
	return false
}

// over reports whether t, or a test that it is a subtest of, has ended in the
// merged stream.
func (t *test) over() bool {
	for a := t; a != nil; a = a.parent {
		if a.end != "" {
			return true
		}
	}
	return false
}
