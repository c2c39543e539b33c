package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"netdev.test/teardown/runner/mutant"
	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/score"
	"netdev.test/teardown/runner/suite"
)

// scoring is a score in progress.
type scoring struct {
	*work
	flags   *mutantFlags
	set     mutant.Set
	line    string
	ids     []string                // of the mutants that are wanted; none means all
	refused map[string]error        // mutants that are not in the kernel
	config  suite.Config            // of any guest
	own     map[string]suite.Config // of mutants that have a kernel of their own
	start   func(context.Context, suite.Config) (*result.Run, error)
	out     string
	remove  func()
	broken  error // why guests do not work at all

	mu   sync.Mutex
	done int
	of   int
}

// all scores the mutants, several at a time, and then makes the control.
func (s *scoring) all(ctx context.Context) *score.Score {
	began := time.Now()
	total := &score.Score{
		Tool: result.Tool{Version: version()}, Command: s.config.Command, Started: began, Host: s.config.Host,
		Kernel: s.config.Mutant("").ResultKernel(), Set: mutant.Folder,
	}
	if s.flags.file != "" {
		total.Set = s.flags.file
	}
	var runnable []int
	for i := range s.set {
		m := &s.set[i]
		if !s.wants(m) {
			continue
		}
		row := s.row(m)
		if row.Outcome == "" {
			runnable = append(runnable, len(total.Mutants))
		}
		total.Mutants = append(total.Mutants, row)
	}
	s.of = len(runnable)
	s.display.Phase(fmt.Sprintf("%d mutants on %s", s.of, s.config.Kernel.Release))
	vms := s.flags.vms
	if vms == 0 {
		vms = min(runtime.NumCPU(), 2)
	}
	next := make(chan int)
	var workers sync.WaitGroup
	for range vms {
		workers.Go(func() {
			for i := range next {
				row := &total.Mutants[i]
				m, _ := s.set.Find(row.ID)
				s.one(ctx, m, row)
				s.told(row)
			}
		})
	}
	for _, i := range runnable {
		next <- i
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		total.Incomplete = "interrupted"
	} else {
		s.control(ctx, total)
	}
	total.Seconds = time.Since(began).Seconds()
	return total
}

// wants reports whether the mutant is to be scored.
func (s *scoring) wants(m *mutant.Mutant) bool {
	return len(s.ids) == 0 || slices.Contains(s.ids, m.ID)
}

// configOf is that of a guest for the mutant.
func (s *scoring) configOf(m *mutant.Mutant) suite.Config {
	c, own := s.own[m.ID]
	if !own {
		c = s.config
	}
	return c.Mutant(m.ID)
}

// row begins the row of a mutant. One that is not to be run has its outcome.
func (s *scoring) row(m *mutant.Mutant) score.Mutant {
	row := score.Mutant{ID: m.ID, Commit: m.Commit, Subject: m.Subject, Mechanism: m.Mechanism, Expected: m.Oracles}
	release := s.config.Kernel.Release
	switch why := s.refused[m.ID]; {
	case !m.Applies(release):
		row.Outcome, row.Why = score.NotApplicable, "it is none of this line"
	case why != nil:
		row.Outcome, row.Why, row.Refused = score.NotApplicable, why.Error(), true
	case !slices.Contains(s.configOf(m).Kernel.Mutants, m.ID):
		row.Outcome, row.Why = score.NotApplicable, "the kernel is built without "+strings.Join(m.Files(), " or ")
	case m.EquivalentOn(release) != "":
		row.Outcome, row.Why = score.Equivalent, m.EquivalentOn(release)
	}
	return row
}

// told shows that a mutant is through.
func (s *scoring) told(row *score.Mutant) {
	s.mu.Lock()
	s.done++
	done := s.done
	s.mu.Unlock()
	text := row.ID + " " + string(row.Outcome)
	if row.Kill != nil {
		text += " by " + string(row.Kill.Oracle)
	}
	s.display.Step(text, done, s.of)
}

// one scores a mutant: with the cases that should kill it, then with more, until
// one does.
func (s *scoring) one(ctx context.Context, m *mutant.Mutant, row *score.Mutant) {
	began := time.Now()
	defer func() { row.Seconds = time.Since(began).Seconds() }()
	rounds := m.Rounds()
	switch {
	case s.flags.filter != "":
		rounds = []string{s.flags.filter}
	case s.flags.all:
		rounds = []string{""}
	case s.flags.suspects:
		rounds = rounds[:len(rounds)-1]
	}
	ran := false
	for i, cases := range rounds {
		if ctx.Err() != nil {
			row.Outcome, row.Why = score.Unknown, "interrupted"
			return
		}
		folder := filepath.Join(m.ID, fmt.Sprintf("%d", i+1))
		c := s.configOf(m)
		c.Append = append(slices.Clone(c.Append), mutant.Argument(m.ID))
		run, err := s.guest(ctx, c, folder, s.arguments(cases, rounds[:i])...)
		if errors.Is(err, suite.ErrNoMatch) {
			continue
		}
		row.Runs = append(row.Runs, folder)
		if err != nil && !errors.Is(err, suite.ErrGuest) {
			row.Outcome, row.Why = score.Unknown, err.Error()
			return
		}
		if on, why := switchedOn(filepath.Join(s.out, folder), m.ID); !on && ctx.Err() == nil {
			row.Outcome, row.Why = score.Unknown, "the kernel did not tell that the mutant is on"
			if why != nil {
				row.Why = why.Error()
			}
			return
		}
		if err != nil {
			row.Kills = []score.Kill{{Oracle: "guest", Title: err.Error()}}
		} else {
			row.Kills = score.KillsOf(run)
			ran = ran || len(run.Cases) > 0
		}
		if ctx.Err() != nil && len(row.Kills) == 0 {
			row.Outcome, row.Why = score.Unknown, "interrupted"
			return
		}
		if len(row.Kills) > 0 {
			row.Outcome, row.Kill = score.Killed, &row.Kills[0]
			return
		}
		if run.Incomplete != "" {
			row.Outcome, row.Why = score.Unknown, "the suite did not come to its end: "+run.Incomplete
			return
		}
	}
	switch {
	case !ran:
		row.Outcome, row.Why = score.Unknown, "no case ran"
	case s.flags.suspects:
		row.Outcome, row.Why = score.Unknown, "tried only with the cases that should kill it"
	case s.flags.filter != "":
		row.Outcome, row.Why = score.Unknown, "tried only with the cases that --run chose"
	default:
		row.Outcome = score.Survived
	}
}

// arguments are those of the test binary for a round: no case of an earlier one.
func (s *scoring) arguments(cases string, earlier []string) []string {
	var args []string
	if !s.flags.all {
		args = append(args, "-test.failfast")
	}
	if cases != "" {
		args = append(args, "-test.run="+cases)
	}
	if len(earlier) > 0 {
		args = append(args, "-test.skip="+strings.Join(earlier, "|"))
	}
	return args
}

// guest runs cases in a guest; its results go to the folder.
func (s *scoring) guest(ctx context.Context, c suite.Config, folder string, args ...string) (*result.Run, error) {
	c.Out = filepath.Join(s.out, folder)
	log, err := openLog(c.Out)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.Stdout = log
	c.Args = append([]string{"-test.v=true"}, args...)
	c.Progress = func(e suite.Event) {
		text := cmp.Or(e.Case, e.Phase)
		s.mu.Lock()
		done := s.done
		s.mu.Unlock()
		s.display.Step(filepath.Dir(folder)+" "+text, done, s.of)
	}
	return s.start(ctx, c)
}

// sound are cases that show that a guest works at all.
const sound = "^TestLifeCycle$/^dummy$"

// control runs the cases that killed with every mutant off: what fails then kills
// no mutant.
func (s *scoring) control(ctx context.Context, total *score.Score) {
	if total.Count(score.Killed) == 0 {
		return
	}
	cases := anyOf(killers(total))
	if cases == "" {
		cases = sound
	}
	s.display.Phase("the cases that killed, with every mutant off")
	c := s.config.Mutant("")
	c.VMs = s.flags.vms
	began := time.Now()
	folder := filepath.Join("control", "1")
	run, err := s.guest(ctx, c, folder, "-test.run="+cases)
	switch {
	case err != nil && errors.Is(err, suite.ErrGuest):
		s.broken = fmt.Errorf("with every mutant off: %w", err)
		total.Incomplete = s.broken.Error()
		return
	case err != nil:
		total.Incomplete = "with every mutant off: " + err.Error()
		return
	case run.Incomplete != "":
		total.Incomplete = "with every mutant off: " + run.Incomplete
	}
	total.Control = &score.Control{Cases: len(run.Cases), Failed: score.KillsOf(run), Seconds: time.Since(began).Seconds()}
	total.Strike()
}

// killers returns the cases that killed a mutant.
func killers(s *score.Score) []string {
	var cases []string
	for _, m := range s.Mutants {
		for _, k := range m.Kills {
			if k.Case != "" && !slices.Contains(cases, k.Case) {
				cases = append(cases, k.Case)
			}
		}
	}
	return cases
}

// anyOf is the expression for go test -run that selects the cases.
func anyOf(cases []string) string {
	var all []string
	for _, name := range cases {
		all = append(all, exactly(name))
	}
	return strings.Join(all, "|")
}
