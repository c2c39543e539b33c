package guest

import (
	"sync"
	"testing"
)

// A round is one pass over the tests of the binary, with one leak scan at its
// end that all its cases share.
//
// Every top-level test is parallel in testing's sense, so all of them have
// entered the round before the body of the first one runs; then they take turns
// in the order in which they are written. A case provokes during the turn of
// its test and pauses in t.Parallel until the scan is over.
type round struct {
	turns   []chan struct{} // closed when it is that test's turn
	left    int             // how many turns are over
	over    chan struct{}   // closed when all are
	once    sync.Once
	scanned chan struct{} // closed after the scan
	cases   []*C          // those that wait for the scan
}

var (
	roundMu sync.Mutex
	current *round
)

// enter joins the round that is forming and returns the test's place in it.
// With -test.count, testing runs a further pass only when the last one ended,
// so a round whose turns are all over is left alone.
func enter() (*round, int) {
	roundMu.Lock()
	defer roundMu.Unlock()
	if current == nil || current.left == len(current.turns) {
		current = &round{over: make(chan struct{}), scanned: make(chan struct{})}
	}
	current.turns = append(current.turns, make(chan struct{}))
	return current, len(current.turns) - 1
}

// start begins the first turn. All tests have entered by then.
func (r *round) start(place int) {
	if place == 0 {
		close(r.turns[0])
	}
	<-r.turns[place]
}

// leave ends the turn at place and begins the next, or the scan.
func (r *round) leave(place int) {
	roundMu.Lock()
	defer roundMu.Unlock()
	r.left++
	if place+1 < len(r.turns) {
		close(r.turns[place+1])
		return
	}
	close(r.over)
}

func (r *round) settled(c *C) {
	roundMu.Lock()
	defer roundMu.Unlock()
	r.cases = append(r.cases, c)
}

// A Session is the turn of one top-level test.
type Session struct {
	T     *testing.T
	round *round
}

// Run runs body, which provokes cases, when it is t's turn. Outside a guest t
// is skipped: there is no kernel to provoke.
func Run(t *testing.T, body func(s *Session)) {
	t.Helper()
	if !In() {
		t.Skip("needs a guest, which -short leaves out")
	}
	r, place := enter()
	t.Parallel()
	r.start(place)
	defer r.leave(place)
	body(&Session{T: t, round: r})
}
