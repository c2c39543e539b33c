package suite

import (
	"errors"
	"fmt"
	"time"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// told takes a message of the guest's test binary.
func (s *session) told(g *guest, line []byte) error {
	var m wire.Message
	if err := decode(line, &m); err != nil {
		return err
	}
	if !g.saidHello && g.from != nil {
		s.awake(g)
	}
	switch m.Type {
	case wire.Ready:
		return s.ready(g)
	case wire.Claim:
		return s.claim(g, m)
	case wire.Progress, wire.Settled, wire.Verdict:
		return s.toldOfCase(g, m)
	case wire.Spoiled:
		if g.unfit == "" {
			g.unfit = "spoiled by " + m.Test
		}
	case wire.Phase:
		return s.toldOfPhase(g, m)
	case wire.Control:
		c := m.Control
		if c == nil || c.Oracle == "" || c.Saw && c.Absent {
			return errors.New("a control without an outcome")
		}
		g.boot.Controls = append(g.boot.Controls, *c)
	case wire.Finished:
		g.finished, g.bye = true, time.Now()
	default:
		return fmt.Errorf("a message of type %q", m.Type)
	}
	return nil
}

// toldOfPhase notes that a phase begins, or how long it took.
func (s *session) toldOfPhase(g *guest, m wire.Message) error {
	if m.Phase == "" || m.Seconds < 0 {
		return fmt.Errorf("phase %q took %v s", m.Phase, m.Seconds)
	}
	g.phases += m.Seconds
	s.phase(m.Phase, m.Seconds)
	if m.Seconds == 0 {
		s.progress(g, Event{Phase: m.Phase})
	}
	return nil
}

// claim answers a guest that asks for a case.
func (s *session) claim(g *guest, m wire.Message) error {
	if m.Test == "" {
		return errors.New("a claim that names no case")
	}
	s.claimed = true
	w := s.round.work(m.Test)
	if w.guest == g {
		return fmt.Errorf("a second claim of %s", m.Test)
	}
	w.describe(m.Case)
	w.alone = s.config.Issues.Alone(s.release, &w.about) && !skips(m.Case)
	granted := s.grants(g, w)
	if granted {
		w.take(g)
		s.merger.Own(w.name, g.number)
		s.progress(g, Event{Phase: phaseCases, Case: w.name})
	} else {
		s.merger.Deny(m.Test, g.number)
	}
	s.tell(g, wire.CasePort, wire.Grant{Granted: granted})
	return nil
}

// skips reports whether a claim says that the case will be skipped.
func skips(about *verdict.Case) bool { return about != nil && about.Verdict == verdict.Skip }

// grants decides whether the guest may run the case. One that kills its guest
// would take the cases along that wait for the scan, and one that spoils it has later
// ones fail, so either gets one of its own.
func (s *session) grants(g *guest, w *work) bool {
	switch {
	case g.unfit != "" || g.killed != "" || s.stopped != "":
		return false
	case g.only != nil:
		return w.state == pending && g.only[w.name] != nil
	case w.state == unclaimed && w.alone:
		w.state = pending
		return false
	}
	return w.state == unclaimed
}

// toldOfCase takes what a guest tells about a case of its own.
func (s *session) toldOfCase(g *guest, m wire.Message) error {
	w := s.round.works[m.Test]
	if w == nil || w.guest != g {
		return fmt.Errorf("%s of %s, which is not the guest's", m.Type, m.Test)
	}
	switch m.Type {
	case wire.Progress:
		w.step, w.of = m.Done, m.Of
		s.progress(g, Event{Phase: phaseCases, Case: w.name, Step: m.Done, Of: m.Of})
	case wire.Settled:
		if w.state == running {
			w.state = settled
		}
	case wire.Verdict:
		c := m.Case
		switch {
		case c == nil || c.Name != m.Test || !c.Verdict.Valid():
			return fmt.Errorf("a verdict of %s that is none", m.Test)
		case w.verdict != nil:
			return fmt.Errorf("a second verdict of %s", m.Test)
		}
		w.verdict = c
		s.conclude(w)
	}
	return nil
}
