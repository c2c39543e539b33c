package suite

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// maxFruitless is how many guests may die one after the other without a case. One
// that dies in a case ends at least that case, so the cases bound the others.
const maxFruitless = 2

// over takes stock of a guest that is gone.
func (s *session) over(g *guest) {
	if s.ctx.Err() != nil && !s.killedAll { // that is why it is gone
		s.stop(interrupted)
	}
	s.guests = slices.DeleteFunc(s.guests, func(h *guest) bool { return h == g })
	if g.machine != nil {
		for _, name := range []string{wire.StdoutPort, wire.ControlPort, wire.CasePort} {
			g.machine.Port(name).Close()
		}
	}
	close(g.out)
	if err := g.console.close(); err != nil {
		s.note(err.Error())
	}
	switch {
	case g.killed == notNeeded:
		g.boot.Ended = notNeeded
	case s.killedAll && g.killed == s.stopped:
		s.cutShort(g)
	case g.unsaved != nil && g.panicked.IsZero():
		g.boot.Ended = "could not be saved: " + g.unsaved.Error()
	case !g.saidHello:
		s.neverCame(g)
	case (g.exit != nil || g.finished) && !g.garbage:
		s.ended(g)
	default:
		s.died(g)
	}
	s.merger.Gone(g.number)
	s.account(g)
}

// account notes a guest's place in the result.
func (s *session) account(g *guest) {
	now := time.Now()
	g.boot.Seconds = now.Sub(g.began).Seconds()
	if g.saidHello {
		end := now
		if !g.bye.IsZero() {
			end = g.bye
			s.phase("power-off", now.Sub(end).Seconds())
		}
		s.phase(phaseCases, max(0, end.Sub(g.hello).Seconds()-g.phases))
	}
	s.boots = append(s.boots, g.boot.Boot)
}

// cutShort ends the cases of a guest that was killed with the run.
func (s *session) cutShort(g *guest) {
	g.boot.Ended = s.stopped
	for _, w := range g.unfinished() {
		s.unknown(w, s.stopped)
	}
}

// unfinished returns the cases that the guest was granted and that have no
// entry in the result.
func (g *guest) unfinished() []*work {
	return slices.DeleteFunc(slices.Clone(g.cases), func(w *work) bool { return w.guest != g || w.state == over })
}

// neverCame deals with a guest that went before it said hello.
func (s *session) neverCame(g *guest) {
	why := "it ended before it said hello"
	switch {
	case g.waitErr != nil:
		why = g.waitErr.Error()
	case g.killed != "":
		why = g.killed
	}
	if g.from != nil {
		s.neverWoke(g, why)
		return
	}
	g.boot.Ended = "did not come up: " + why
	why = fmt.Sprintf("guest %d did not come up: %s", g.number, why)
	why += s.parting(g)
	s.bootFailures++
	s.slots = max(1, s.slots-1)
	switch {
	case s.release == "" && len(s.guests) == 0:
		s.abort(&guestError{why, g.waitErr})
	case s.bootFailures >= maxFruitless && len(s.guests) == 0:
		s.giveUp(why)
	default:
		s.note(why)
	}
}

// parting is what the console of a guest shows in the end, for a message.
func (s *session) parting(g *guest) string {
	end := g.console.after(0)
	title, _ := s.config.LastWords(end)
	if title == "" {
		title = lastLines(end, 3)
	}
	switch {
	case g.machine == nil: // it has no console
		return ""
	case title == "":
		return fmt.Sprintf("; its console (%s) is empty", g.console.path)
	}
	return fmt.Sprintf("; its console (%s) ends: %s", g.console.path, title)
}

// ended deals with a guest whose test binary came to its end.
func (s *session) ended(g *guest) {
	how, whole := g.status()
	g.boot.Ended = "exit"
	switch {
	case !whole, g.killed != "":
		g.boot.Ended = how
	case g.unfit != "":
		g.boot.Ended = g.unfit
	}
	if !whole && !s.claimed && len(s.guests) == 0 {
		s.abort(&guestError{fmt.Sprintf("the test binary ended (%s) before its first case: %s", how, lastLines(g.said, 3)), nil})
		return
	}
	charged := false
	for _, w := range g.unfinished() {
		switch {
		case w.end != nil:
			s.unknown(w, fmt.Sprintf("its test ended with %s, and no verdict came", w.end.Action))
			charged = true
		case w.verdict != nil && whole:
			s.unknown(w, fmt.Sprintf("its verdict is %s, and its test never ended", w.verdict.Verdict))
		case w.state == running && g.exit != nil && g.exit.Signal == outOfMemory:
			_, lines := s.config.LastWords(g.console.after(g.mark))
			s.charge(w, "out of memory: the kernel killed the test binary", lines)
			charged = true
		case w.state == running || whole:
			s.unknown(w, fmt.Sprintf("the test binary ended (%s) while the case ran", how))
			charged = true
		default:
			s.lose(w)
		}
	}
	switch {
	case whole:
		s.enumerated(g)
		return
	case !charged:
		s.note(fmt.Sprintf("the test binary of guest %d ended: %s", g.number, how))
	}
	s.fruitlessEnd(g, how)
}

// outOfMemory is the signal by which the kernel ends a process to get memory
// back (oom_kill_process() in mm/oom_kill.c). Nothing else in the guest sends it.
const outOfMemory = "killed"

// status describes how the test binary ended, and whether it got to the end
// of its tests.
func (g *guest) status() (how string, whole bool) {
	switch {
	case g.exit == nil:
		return "its process did not end", g.final
	case g.exit.Signal != "":
		return "signal: " + g.exit.Signal, false
	}
	return fmt.Sprintf("exit status %d", g.exit.Code), g.final && (g.exit.Code == 0 || g.exit.Code == 1)
}

// enumerated draws conclusions from a guest that got to the end of its tests.
func (s *session) enumerated(g *guest) {
	s.fruitless = 0
	if g.exit == nil && g.unfit == "" {
		s.note(fmt.Sprintf("guest %d: the process of the tests did not end", g.number))
	}
	if code := g.exit; code != nil && (code.Code != 0) != (g.failed > 0) {
		s.note(fmt.Sprintf("guest %d: exit status %d, and %d tests failed in it", g.number, code.Code, g.failed))
	}
	switch {
	case g.only != nil:
		for _, w := range s.round.in(pending) {
			if g.only[w.name] != nil {
				s.unknown(w, "its guest died, and another one did not ask for it again")
			}
		}
	case g.unasked:
	default:
		s.round.enumerated = true
		if g.unfit == "" && s.stopped == "" {
			for _, w := range s.round.in(unclaimed) {
				s.unknown(w, "a guest asked for it, and the next one did not")
			}
		}
	}
}

// maxBefore is how many lines are shown of what a guest that hangs said before it was
// asked what it does.
const maxBefore = 10

// died deals with a guest that went without a last word.
func (s *session) died(g *guest) {
	title, lines := s.config.LastWords(g.console.after(g.mark))
	if !g.nmi.IsZero() {
		title = "the guest hung"
		_, before := s.config.LastWords(g.console.between(g.mark, g.nmiMark))
		_, after := s.config.LastWords(g.console.after(g.nmiMark))
		lines = append(before[max(0, len(before)-maxBefore):], after...)
	}
	if len(lines) == 0 {
		lines = []string{"the console shows nothing since the case began"}
	}
	switch {
	case g.garbage:
		title = "the guest broke the protocol"
		lines = append([]string{g.killed}, lines...)
	case title == "":
		title = "the guest ended without a word"
	}
	g.boot.Ended = title
	charged := false
	for _, w := range g.unfinished() {
		switch {
		case w.verdict != nil && w.verdict.Verdict == verdict.Fail:
			s.finish(w, *w.verdict, s.elapsed(w), "guest: "+title) // no repetition unsees it
		case (w.state != running || w.verdict != nil) && !w.alone:
			s.lose(w)
		case g.garbage:
			s.unknown(w, g.killed)
			charged = true
		default:
			s.charge(w, title, lines)
			charged = true
		}
	}
	if !charged {
		s.note(fmt.Sprintf("guest %d died while no case ran: %s", g.number, title))
	}
	s.fruitlessEnd(g, title)
}

// charge fails the case in which a guest died.
func (s *session) charge(w *work, title string, lines []string) {
	c := s.blank(w)
	detail := slices.Clone(lines)
	if w.step > 0 {
		after := fmt.Sprintf("after step %d", w.step)
		if w.of > 0 {
			after += fmt.Sprintf(" of %d", w.of)
		}
		detail = append([]string{after}, detail...)
	}
	c.Evidence = append(c.Evidence, verdict.Finding{
		Oracle: verdict.Guest,
		Title:  title,
		Detail: strings.Join(detail, "\n"),
	})
	s.config.Issues.Explain(s.release, &c)
	verdict.Decide(&c)
	s.finish(w, c, c.Seconds, append([]string{"guest: " + title}, detail...)...)
}

// lose has a case run again whose guest died before its verdict, once.
func (s *session) lose(w *work) {
	if w.lost++; w.lost > 1 {
		s.unknown(w, "its guest died before its verdict, twice")
		return
	}
	w.state, w.guest = pending, nil
	s.merger.Forget(w.name)
}

// fruitlessEnd stops the run when guests keep dying.
func (s *session) fruitlessEnd(g *guest, why string) {
	if s.fruitless++; len(g.cases) > 0 {
		s.fruitless = 0
	}
	switch {
	case s.fruitless >= maxFruitless && !s.claimed && len(s.guests) == 0:
		s.abort(&guestError{fmt.Sprintf("%d guests ended before their first case: %s", s.fruitless, why), nil})
	case s.fruitless >= maxFruitless:
		s.giveUp(fmt.Sprintf("%d guests in a row ended before a case", s.fruitless))
	}
}

// guestError says why no guest got as far as running a case.
type guestError struct {
	why string
	err error // may be nil
}

func (e *guestError) Error() string   { return fmt.Sprintf("%v: %s", ErrGuest, e.why) }
func (e *guestError) Unwrap() []error { return []error{ErrGuest, e.err} }
