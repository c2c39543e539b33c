package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/mutant"
	"netdev.test/teardown/runner/progress"
	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/score"
	"netdev.test/teardown/runner/suite"
)

const scoredMutants = `
[[mutant]]
id = "first"
commit = "-"
subject = "killed by the cases that its entry names"
mechanism = "-"
run = "^TestHint$"
edit = [{file = "net/a.c", function = "f", anchor = "x", delete = true}]
[[mutant]]
id = "rest"
commit = "-"
subject = "killed by a case that only the whole suite has"
mechanism = "-"
run = "^TestHint$"
edit = [{file = "net/a.c", function = "f", anchor = "x", delete = true}]
[[mutant]]
id = "none"
commit = "-"
subject = "killed by nothing"
mechanism = "-"
run = "^TestHint$"
edit = [{file = "net/a.c", function = "f", anchor = "x", delete = true}]
[[mutant]]
id = "boot"
commit = "-"
subject = "the guest does not come up"
mechanism = "-"
run = "^TestHint$"
edit = [{file = "net/a.c", function = "f", anchor = "x", delete = true}]
[[mutant]]
id = "deaf"
commit = "-"
subject = "the kernel does not take the switch"
mechanism = "-"
run = "^TestHint$"
edit = [{file = "net/a.c", function = "f", anchor = "x", delete = true}]
[[mutant]]
id = "flaky"
commit = "-"
subject = "a case fails that fails without it, too"
mechanism = "-"
run = "^TestFlaky$"
edit = [{file = "net/a.c", function = "f", anchor = "x", delete = true}]
[[mutant]]
id = "other"
commit = "-"
subject = "of another line"
mechanism = "-"
kernels = "<6.1"
edit = [{file = "net/a.c", function = "f", anchor = "x", delete = true}]
[[mutant]]
id = "same"
commit = "-"
subject = "makes no difference"
mechanism = "-"
equivalent = [{reason = "nobody looks"}]
edit = [{file = "net/a.c", function = "f", anchor = "x", delete = true}]
[[mutant]]
id = "lost"
commit = "-"
subject = "finds no place"
mechanism = "-"
edit = [{file = "net/a.c", function = "f", anchor = "x", delete = true}]
[[mutant]]
id = "unbuilt"
commit = "-"
subject = "in a driver that is not built"
mechanism = "-"
edit = [{file = "net/b.c", function = "f", anchor = "x", delete = true}]
`

// fakeSuite stands in for the guests of a score.
type fakeSuite struct {
	mu   sync.Mutex
	args map[string][]string // of the test binary, for each mutant
}

// run is what a guest with the mutant does, given its arguments.
func (f *fakeSuite) run(_ context.Context, c suite.Config) (*result.Run, error) {
	args := strings.Join(c.Args, " ")
	f.mu.Lock()
	f.args[c.MutantOn] = append(f.args[c.MutantOn], args)
	f.mu.Unlock()
	said := ""
	for _, a := range c.Append {
		if id, ok := strings.CutPrefix(a, mutant.Parameter+"="); ok && id != "deaf" {
			said = "[    0.0] " + mutant.Evidence(id) + "\r\n"
		}
	}
	if err := os.WriteFile(filepath.Join(c.Out, "console-1.log"), []byte(said), 0o600); err != nil {
		return nil, err
	}
	failed := func(name string) *result.Run {
		return &result.Run{Cases: []verdict.Case{{Name: name, Verdict: verdict.Fail, Oracle: verdict.Log, Reason: "WARNING"}}}
	}
	hint := strings.Contains(args, "-test.run=^TestHint$")
	switch {
	case c.MutantOn == "first" && hint:
		return failed("TestHint/a"), nil
	case c.MutantOn == "rest" && !strings.Contains(args, "-test.run="):
		return failed("TestRest/b"), nil
	case c.MutantOn == "boot":
		return nil, suite.ErrGuest
	case strings.Contains(args, "TestFlaky"):
		return failed("TestFlaky/c"), nil
	case strings.Contains(args, "-test.run=^Test/"):
		return nil, suite.ErrNoMatch
	}
	return &result.Run{Cases: []verdict.Case{{Name: "TestHint/a", Verdict: verdict.Pass}}}, nil
}

// newScoring makes a score of scoredMutants with the fake.
func newScoring(t *testing.T, f *fakeSuite) *scoring {
	t.Helper()
	set, err := mutant.Parse([]byte(scoredMutants))
	if err != nil {
		t.Fatal(err)
	}
	in := []string{"first", "rest", "none", "boot", "deaf", "flaky", "same"}
	return &scoring{
		work: &work{display: progress.New(os.Stderr, progress.Quiet)}, flags: &mutantFlags{}, set: set, line: "6.12",
		refused: map[string]error{"lost": errors.New("cannot be applied: no match")},
		config:  suite.Config{Kernel: kernel.Kernel{Line: "6.12", Release: "6.12.118-teardown-mutants", Mutants: in}},
		start:   f.run, out: t.TempDir(),
	}
}

// outcomes are the rows of a score in short.
func outcomes(s *score.Score) map[string]string {
	rows := map[string]string{}
	for _, m := range s.Mutants {
		rows[m.ID] = string(m.Outcome)
		if m.Kill != nil {
			rows[m.ID] += " by " + string(m.Kill.Oracle) + " in " + m.Kill.Case
		}
		if m.Why != "" {
			rows[m.ID] += ": " + m.Why
		}
	}
	return rows
}

func TestScoring(t *testing.T) {
	f := &fakeSuite{args: map[string][]string{}}
	got := newScoring(t, f).all(t.Context())
	want := map[string]string{
		"first":   "killed by log in TestHint/a",
		"rest":    "killed by log in TestRest/b",
		"none":    "survived",
		"boot":    "killed by guest in ",
		"deaf":    "unknown: the kernel did not tell that the mutant is on",
		"flaky":   "unknown: TestFlaky/c fails with every mutant off, too: WARNING",
		"other":   "not-applicable: it is none of this line",
		"same":    "equivalent: nobody looks",
		"lost":    "not-applicable: cannot be applied: no match",
		"unbuilt": "not-applicable: the kernel is built without net/b.c",
	}
	if diff := cmp.Diff(want, outcomes(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	short := "^Test(RegisterFailure|LifeCycle|LowerRemoved|NamespaceExit)$/^(dummy|veth)(,|$)"
	all := "^Test/^(dummy|veth)(,|$)"
	args := map[string][]string{
		"": {"-test.v=true -test.run=^TestHint$/^a$|^TestRest$/^b$|^TestFlaky$/^c$"},
		"rest": {
			"-test.v=true -test.failfast -test.run=^TestHint$",
			"-test.v=true -test.failfast -test.run=" + short + " -test.skip=^TestHint$",
			"-test.v=true -test.failfast -test.run=" + all + " -test.skip=^TestHint$|" + short,
			"-test.v=true -test.failfast -test.skip=^TestHint$|" + short + "|" + all,
		},
	}
	for id, want := range args {
		if diff := cmp.Diff(want, f.args[id]); diff != "" {
			t.Errorf("arguments for %q (-want +got):\n%s", id, diff)
		}
	}
	if got.Status() != score.Survivors || !got.Kernel.Mutated || got.Set != mutant.Folder {
		t.Errorf("status %d, kernel %+v, set %s", got.Status(), got.Kernel, got.Set)
	}
}

func TestScoringChoice(t *testing.T) {
	f := &fakeSuite{args: map[string][]string{}}
	s := newScoring(t, f)
	s.ids, s.flags.filter = []string{"first", "none"}, "^TestHint$"
	want := map[string]string{"first": "killed by log in TestHint/a", "none": "unknown: tried only with the cases that --run chose"}
	if diff := cmp.Diff(want, outcomes(s.all(t.Context()))); diff != "" {
		t.Errorf("with --run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"-test.v=true -test.failfast -test.run=^TestHint$"}, f.args["none"]); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	f.args = map[string][]string{}
	s = newScoring(t, f)
	s.ids, s.flags.all = []string{"rest"}, true
	s.all(t.Context())
	if diff := cmp.Diff([]string{"-test.v=true"}, f.args["rest"]); diff != "" {
		t.Errorf("with --all (-want +got):\n%s", diff)
	}
	f.args = map[string][]string{}
	s = newScoring(t, f)
	s.ids, s.flags.suspects = []string{"first", "rest"}, true
	want = map[string]string{
		"first": "killed by log in TestHint/a",
		"rest":  "unknown: tried only with the cases that should kill it",
	}
	if diff := cmp.Diff(want, outcomes(s.all(t.Context()))); diff != "" {
		t.Errorf("with --suspects (-want +got):\n%s", diff)
	}
}

// A mutant with a kernel of its own is run on that, and the control on the other.
func TestScoringAlone(t *testing.T) {
	f := &fakeSuite{args: map[string][]string{}}
	s := newScoring(t, f)
	set, err := mutant.Parse([]byte(`
[[mutant]]
id = "first"
commit = "-"
subject = "outside of functions"
mechanism = "-"
run = "^TestHint$"
edit = [{file = "net/a.c", anchor = "x", replace = "y"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	s.set = set
	s.config.Kernel.Mutants, s.config.Kernel.Image = nil, "all"
	s.own = map[string]suite.Config{"first": {Kernel: kernel.Kernel{Release: s.config.Kernel.Release, Mutants: []string{"first"}, Image: "own"}}}
	booted := map[string]string{}
	s.start = func(ctx context.Context, c suite.Config) (*result.Run, error) {
		booted[c.MutantOn] = c.Kernel.Image
		return f.run(ctx, c)
	}
	got := s.all(t.Context())
	if diff := cmp.Diff(map[string]string{"first": "killed by log in TestHint/a"}, outcomes(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"first": "own", "": "all"}, booted); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// With every mutant off the guest must work: else a death proves nothing.
func TestScoringBroken(t *testing.T) {
	s := newScoring(t, nil)
	s.ids = []string{"first", "boot"}
	f := &fakeSuite{args: map[string][]string{}}
	s.start = func(ctx context.Context, c suite.Config) (*result.Run, error) {
		if c.MutantOn == "" {
			return nil, suite.ErrGuest
		}
		return f.run(ctx, c)
	}
	got := s.all(t.Context())
	if s.broken == nil || got.Incomplete == "" || got.Status() != score.Incomplete {
		t.Errorf("broken %v, incomplete %q", s.broken, got.Incomplete)
	}
}

func TestScoringInterrupted(t *testing.T) {
	f := &fakeSuite{args: map[string][]string{}}
	s := newScoring(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	s.start = func(ctx context.Context, c suite.Config) (*result.Run, error) {
		run, err := f.run(ctx, c)
		cancel()
		return run, err
	}
	s.flags.vms = 1
	got := s.all(ctx)
	rows := outcomes(got)
	if rows["first"] != "killed by log in TestHint/a" || rows["none"] != "unknown: interrupted" {
		t.Errorf("rows %v", rows)
	}
	if got.Incomplete != "interrupted" || got.Control != nil {
		t.Errorf("incomplete %q, control %v", got.Incomplete, got.Control)
	}
}
