package suite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/gotest"
	"netdev.test/teardown/runner/result"
)

// notNeeded is why a guest is killed for which nothing is left.
const notNeeded = "not needed"

// interrupted is why a run ends whose context is done.
const interrupted = "interrupted"

// bootRecord is a guest's entry in the result as it grows.
type bootRecord struct{ result.Boot }

// session is a run in progress. All its state belongs to the goroutine of
// [Run]; others hand it functions to call (post).
type session struct {
	ctx     context.Context
	config  Config
	plan    *plan
	began   time.Time
	events  chan func()
	helpers sync.WaitGroup // all other goroutines
	expired <-chan time.Time
	printer *gotest.Printer
	merger  *gotest.Merger // of the round
	round   *round
	guests  []*guest // that are not over
	slots   int      // guests at a time
	booted  int      // guests started so far

	saving   bool // a snapshot was or is being taken
	snapshot *readyGuest
	broken   bool // no guest can go on from it

	cases   []verdict.Case
	boots   []result.Boot
	phases  []result.Phase
	notes   []string // what makes the run incomplete
	wanted  int      // cases of the rounds that are over
	unsure  bool     // in some round not all cases became known
	release string   // of the kernel, "" until a guest said hello
	claimed bool     // a guest asked for a case
	noTests bool     // a test binary said that it has no test to run

	fruitless, bootFailures int

	stopped   string // why nothing more is granted; "" while it is
	killedAll bool   // and all guests were killed
	tired     string // why no further guest is started
	fatal     error
}

func newSession(ctx context.Context, c Config, p *plan) *session {
	s := &session{
		ctx:     ctx,
		config:  c,
		plan:    p,
		began:   time.Now(),
		events:  make(chan func()),
		printer: gotest.NewPrinter(c.Stdout, p.mode),
		slots:   c.VMs,
	}
	if p.timeout > 0 {
		s.expired = time.After(p.timeout)
	}
	return s
}

// post has f called by the goroutine of the session.
func (s *session) post(f func()) { s.events <- f }

// rounds runs the suite as often as asked for.
func (s *session) rounds() error {
	for i := 0; i < s.plan.count && s.fatal == nil && s.stopped == "" && s.tired == ""; i++ {
		s.round = &round{works: map[string]*work{}}
		s.merger = gotest.NewMerger(s.printer.Event)
		s.loop()
		s.closeRound(i)
	}
	s.helpers.Wait()
	s.forget()
	switch {
	case s.fatal != nil:
		return s.fatal
	case !s.claimed && s.noTests && s.stopped == "":
		return fmt.Errorf("%w %s (go test ./tests -list . lists the tests)", ErrNoMatch, s.plan.filter)
	}
	return nil
}

// loop runs one round: until no guest is left, and no other is wanted.
func (s *session) loop() {
	done := s.ctx.Done()
	for {
		s.schedule()
		if len(s.guests) == 0 {
			return
		}
		alarm, stop := s.alarm()
		select {
		case f := <-s.events:
			f()
		case <-alarm:
			s.expireAll()
		case <-s.expired:
			s.expired = nil
			s.stop(fmt.Sprintf("test timed out after %v", s.plan.timeout))
		case <-done:
			done = nil
			s.stop(interrupted)
		}
		stop()
	}
}

// alarm returns a channel that tells when the next guest's deadline is over.
func (s *session) alarm() (<-chan time.Time, func() bool) {
	var next time.Time
	for _, g := range s.guests {
		if d := s.deadline(g); !d.IsZero() && (next.IsZero() || d.Before(next)) {
			next = d
		}
	}
	if next.IsZero() {
		return nil, func() bool { return true }
	}
	t := time.NewTimer(time.Until(next))
	return t.C, t.Stop
}

func (s *session) expireAll() {
	now := time.Now()
	for _, g := range slices.Clone(s.guests) {
		if d := s.deadline(g); !d.IsZero() && !now.Before(d) {
			s.expire(g)
		}
	}
}

// schedule starts the guests that are wanted, and ends those that are not.
func (s *session) schedule() {
	if s.ctx.Err() != nil && s.stopped == "" {
		s.stop(interrupted)
	}
	s.dismiss()
	for s.stopped == "" && s.tired == "" && s.fatal == nil && len(s.guests) < s.slots {
		only := s.waiting()
		switch {
		case len(only) > 0:
			s.start(only)
		case s.wantsMore():
			s.start(nil)
		default:
			return
		}
	}
}

// waiting returns what the next guest that takes nothing else is for: a case that
// is for a guest of its own, or, one guest at a time, all that are to be run again.
func (s *session) waiting() map[string]*work {
	given := func(w *work) bool {
		return slices.ContainsFunc(s.guests, func(g *guest) bool { return g.only[w.name] != nil })
	}
	again := map[string]*work{}
	for _, w := range s.round.in(pending) {
		if w.alone && !given(w) {
			return map[string]*work{w.name: w}
		}
		if !w.alone {
			again[w.name] = w
		}
	}
	if slices.ContainsFunc(s.guests, (*guest).repeats) {
		return nil
	}
	return again
}

// repeats reports whether the guest is for cases of others that died.
func (g *guest) repeats() bool {
	for _, w := range g.only {
		return !w.alone
	}
	return false
}

// manyCases is how many cases that nobody has taken are worth one more guest: it
// boots in the time of a dozen.
const manyCases = 40

// wantsMore reports whether another guest for what is not taken would help.
//
// A second guest is started together with the first: the boot of one more
// costs a tenth of a second or two. Where the filter may leave a single case it
// waits until there is a second one.
func (s *session) wantsMore() bool {
	fit := 0
	for _, g := range s.guests {
		switch {
		case g.leaving():
			return false // what is left is known when it is gone
		case g.only == nil && g.unfit == "":
			fit++
		}
	}
	if fit == 0 {
		return !s.round.enumerated || s.round.count(unclaimed) > 0
	}
	if s.round.enumerated {
		return s.round.count(unclaimed) >= manyCases
	}
	return !s.plan.narrow || len(s.round.works) > 1
}

// dismiss kills the guests that never had a case and for which none is left.
func (s *session) dismiss() {
	if !s.round.enumerated || s.round.count(unclaimed) > 0 {
		return
	}
	for _, g := range s.guests {
		if g.only == nil && len(g.cases) == 0 && !g.leaving() {
			s.kill(g, notNeeded)
		}
	}
}

// stop ends the run at once.
func (s *session) stop(why string) {
	s.note(why)
	s.stopped, s.killedAll = why, true
	for _, g := range s.guests {
		s.kill(g, why)
	}
}

// abort ends the run at once, and without a result.
func (s *session) abort(err error) {
	if s.fatal != nil {
		return
	}
	s.fatal = err
	s.stop("cannot go on")
}

// giveUp has no further guest started.
func (s *session) giveUp(why string) {
	if s.tired == "" {
		s.tired = "gave up: " + why
		s.note(s.tired)
	}
}

// closeRound ends what no guest ended.
func (s *session) closeRound(i int) {
	why := s.stopped
	if why == "" {
		why = s.tired
	}
	for _, w := range s.round.in(pending) {
		if w.guest == nil && w.lost == 0 {
			s.unknown(w, "it was not run: "+why)
			continue
		}
		s.unknown(w, "its guest died before its verdict, and it was not run again: "+why)
	}
	missing := !s.round.enumerated || s.round.count(unclaimed) > 0 || i+1 < s.plan.count
	if s.stopped != "" && !s.killedAll && missing {
		s.note(s.stopped)
	}
	s.wanted += len(s.round.works)
	s.unsure = s.unsure || !s.round.enumerated
	failed := s.merger.Close()
	if len(failed) > 0 && !s.killedAll {
		s.note("a test failed that is no case, or not for its cases: " + few(failed))
	}
}

// note adds to what makes the run incomplete.
func (s *session) note(why string) {
	if !slices.Contains(s.notes, why) {
		s.notes = append(s.notes, why)
	}
}

// phase adds to the time spent in a phase.
func (s *session) phase(name string, seconds float64) {
	for i := range s.phases {
		if s.phases[i].Name == name {
			s.phases[i].Seconds += seconds
			return
		}
	}
	s.phases = append(s.phases, result.Phase{Name: name, Seconds: seconds})
}

// few lists names, but not all of very many.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// maxNotes bounds what Incomplete tells.
const maxNotes = 5

// result makes the result of the run.
func (s *session) result() *result.Run {
	run := &result.Run{
		SchemaVersion: result.SchemaVersion,
		Tool:          s.config.Tool,
		Command:       s.config.Command,
		Started:       s.began,
		Seconds:       time.Since(s.began).Seconds(),
		Host:          s.config.Host,
		Kernel:        s.config.ResultKernel(),
		Cases:         s.cases,
		Boots:         s.boots,
		Phases:        slices.Concat(s.config.Phases, s.phases),
	}
	if s.release != "" {
		run.Kernel.Release = s.release
	}
	if !s.unsure {
		run.Wanted = s.wanted
	}
	notes := s.notes
	if over := len(notes) - maxNotes; over > 0 {
		notes = append(slices.Clone(notes[:maxNotes]), fmt.Sprintf("and %d more", over))
	}
	run.Incomplete = strings.Join(notes, "; ")
	slices.SortFunc(run.Boots, func(a, b result.Boot) int { return a.Number - b.Number })
	run.Account(s.config.Issues)
	return run
}
