package suite

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"netdev.test/teardown/initramfs/wire"
	"netdev.test/teardown/runner/result"
)

// readyGuest is a guest as it was when its test binary was ready to begin, and what it
// had told by then. Those that come after one that died go on from there: a boot takes
// ten times as long as most cases. What its positive controls saw, theirs would.
type readyGuest struct {
	Snapshot
	number   int
	release  string
	controls []wire.ControlOutcome
}

// ready lets the tests of a guest begin, after a snapshot was taken if that is worth
// the second that it takes: not before the guests that the run begins with are not
// enough.
func (s *session) ready(g *guest) error {
	if g.ready {
		return errors.New("it is ready a second time")
	}
	g.ready = true
	if s.saving || g.number <= s.config.VMs {
		s.begin(g)
		return nil
	}
	s.saving, g.saving = true, true
	began := time.Now()
	s.helpers.Go(func() {
		snapshot, err := g.machine.Save()
		s.post(func() { s.saved(g, snapshot, err, time.Since(began).Seconds()) })
	})
	return nil
}

// saved notes that the snapshot of a guest was taken, and has it begin.
func (s *session) saved(g *guest, snapshot Snapshot, err error, seconds float64) {
	g.saving = false
	g.phases += seconds
	s.phase(phaseSave, seconds)
	if err == nil {
		s.snapshot = &readyGuest{snapshot, g.number, g.boot.Release, slices.Clone(g.boot.Controls)}
	} else { // guests must boot then
		g.unsaved = err
		s.kill(g, err.Error())
	}
	switch {
	case g.open == 0:
		s.over(g)
	case err == nil:
		s.begin(g)
	}
}

// begin has the guest begin with its tests. One that is for a single case need not go
// through all others.
func (s *session) begin(g *guest) {
	var b wire.Begin
	if len(g.only) == 1 {
		for name := range g.only {
			b.Run = result.ExactFilter(name)
		}
	}
	s.tell(g, wire.CasePort, b)
}

// resume makes a guest that is about to start one that goes on from the snapshot, if
// there is one.
func (s *session) resume(g *guest) Snapshot {
	if s.snapshot == nil || s.broken {
		return nil
	}
	g.from, g.ready, g.boot.Resumed = s.snapshot, true, s.snapshot.number
	fmt.Fprintf(g.console, "teardown: this guest goes on where guest %d was when it had booted\n", s.snapshot.number)
	return s.snapshot.Snapshot
}

// awake notes the first word of a guest that goes on from a snapshot.
func (s *session) awake(g *guest) {
	g.boot.Controls = slices.Clone(g.from.controls)
	s.greeted(g, g.from.release, phaseResume)
}

// neverWoke deals with a guest that could not go on from the snapshot: then none can.
func (s *session) neverWoke(g *guest, why string) {
	g.boot.Ended = fmt.Sprintf("could not go on from guest %d: %s", g.from.number, why)
	s.broken = true
}

// forget gives the snapshot back, with all guests gone.
func (s *session) forget() {
	if s.snapshot == nil {
		return
	}
	if err := s.snapshot.Close(); err != nil {
		s.note(fmt.Sprintf("give a snapshot back: %v", err))
	}
}
