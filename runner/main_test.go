package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/suite"
)

func TestStatusOf(t *testing.T) {
	for _, c := range []struct {
		err     error
		status  int
		message string
	}{
		{nil, 0, ""},
		{statusError(1), 1, ""},
		{statusError(3), 3, ""},
		{errInterrupted, 3, "teardown: interrupted"},
		{fmt.Errorf("kernel: %w", context.Canceled), 3, "teardown: interrupted"},
		{fmt.Errorf("boot: %w", suite.ErrGuest), 3, "teardown: boot: the guest does not work"},
		{kernel.ErrNoSource, 2, "teardown: no source"},
		{&usageError{"teardown run", errors.New("no")}, 2, "teardown: no: see teardown run --help"},
		{errors.New("two\nlines"), 2, "teardown: two; lines"},
	} {
		if got := statusOf(c.err); got != c.status {
			t.Errorf("statusOf(%v) = %d, want %d", c.err, got, c.status)
		}
		if got := message(c.err); got != c.message {
			t.Errorf("message(%v) = %q, want %q", c.err, got, c.message)
		}
	}
}

func TestWorse(t *testing.T) {
	for _, c := range []struct{ a, b, want int }{
		{0, 0, 0}, {0, 3, 3}, {3, 2, 2}, {2, 1, 1}, {1, 3, 1}, {2, 0, 2},
	} {
		if worse(c.a, c.b) != c.want || worse(c.b, c.a) != c.want {
			t.Errorf("worse(%d, %d) = %d, %d; want %d", c.a, c.b, worse(c.a, c.b), worse(c.b, c.a), c.want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{
		"--kernel=6.1,6.12": "--kernel=6.1,6.12",
		"":                  "''",
		"^TestX$/bond":      "'^TestX$/bond'",
		"it's":              `'it'\''s'`,
	} {
		if got := shellWord(in); got != want {
			t.Errorf("shellWord(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestExactly(t *testing.T) {
	if got, want := exactly("TestX/f.1/E8"), `^TestX$/^f\.1$/^E8$`; got != want {
		t.Errorf("exactly = %s, want %s", got, want)
	}
}

func TestRelay(t *testing.T) {
	const in = `{"Action":"start","Package":"m/tests"}
{"Action":"run","Package":"m/tests","Test":"TestX"}
{"Action":"output","Package":"m/tests","Test":"TestX","Output":"<&>\n"}
{"Action":"pass","Package":"m/tests","Test":"TestX","Elapsed":0.5}
{"ImportPath":"m/x","Action":"build-output","Output":"x.go:1: no\n"}
not JSON
{"Action":"pass","Package":"m/tests","Elapsed":1}
`
	for _, size := range []int{1, 7, len(in)} {
		var out strings.Builder
		var steps []string
		r := &relay{to: &out, suffix: "@6.12", step: func(text string, done, _ int) {
			steps = append(steps, fmt.Sprint(text, " ", done))
		}}
		for rest := in; rest != ""; {
			n := min(size, len(rest))
			if _, err := r.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		want := `{"Action":"start","Package":"m/tests@6.12"}
{"Action":"run","Package":"m/tests@6.12","Test":"TestX"}
{"Action":"output","Output":"\u003c\u0026\u003e\n","Package":"m/tests@6.12","Test":"TestX"}
{"Action":"pass","Elapsed":0.5,"Package":"m/tests@6.12","Test":"TestX"}
{"Action":"build-output","ImportPath":"m/x","Output":"x.go:1: no\n"}
not JSON
{"Action":"pass","Elapsed":1,"Package":"m/tests@6.12"}
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("relay in pieces of %d (-want +got):\n%s", size, diff)
		}
		wantSteps := []string{"m/tests 0", "TestX 0", "TestX 0", "TestX 1", "m/tests 1"}
		if diff := cmp.Diff(wantSteps, steps); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestRelayReportsItsReader(t *testing.T) {
	r := &relay{to: brokenPipe{}}
	if n, err := r.Write([]byte("{}\n{}\n")); n != 6 || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	if r.err == nil || r.err.Error() != "broken pipe" {
		t.Errorf("err = %v", r.err)
	}
}

// TestFailed checks what a failed "go test ./tests" means: its results tell.
func TestFailed(t *testing.T) {
	run := func(v verdict.Verdict) *result.Run {
		return &result.Run{
			SchemaVersion: result.SchemaVersion, Wanted: 1,
			Kernel: result.Kernel{Release: "6.12.1"},
			Cases:  []verdict.Case{{Name: "TestX/bond", Verdict: v, Reason: "because"}},
		}
	}
	for _, c := range []struct {
		name string
		run  *result.Run
		want int
	}{
		{"no results", nil, statusIncomplete},
		{"a regression", run(verdict.Fail), statusRegression},
		{"blind", run(verdict.Unknown), statusIncomplete},
		{"all cases pass", run(verdict.Pass), statusRegression},
	} {
		p := testPart{out: t.TempDir()}
		if c.run != nil {
			if err := result.Write(p.out, c.run); err != nil {
				t.Fatal(err)
			}
		}
		if got := p.failed(); got != c.want {
			t.Errorf("%s: failed() = %d, want %d", c.name, got, c.want)
		}
	}
	if got := (testPart{}).failed(); got != statusRegression {
		t.Errorf("unit tests: failed() = %d", got)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.in); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}

func TestMedians(t *testing.T) {
	phases := func(v ...any) []result.Phase {
		var p []result.Phase
		for i := 0; i < len(v); i += 2 {
			p = append(p, result.Phase{Name: v[i].(string), Seconds: v[i+1].(float64)})
		}
		return p
	}
	cases := make([]verdict.Case, 4)
	got := medians("^TestX$", []*result.Run{
		{Cases: cases, Seconds: 10, Phases: phases("host compile", 1.0, "cases", 5.0)},
		{Cases: cases, Seconds: 12, Phases: phases("host compile", 2.0, "cases", 7.0, "scan", 3.0)},
		{Cases: cases, Seconds: 11, Phases: phases("host compile", 9.0, "cases", 6.0, "cases", 1.0)},
	})
	want := benchTimes{
		Filter: "^TestX$", Cases: 4, Total: 14,
		Phases: phases("host compile", 2.0, "cases", 7.0, "scan", 0.0),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("medians (-want +got):\n%s", diff)
	}
}

func TestPrintBench(t *testing.T) {
	r := benchReport{
		Release: "6.12.1-teardown", Accelerator: "tcg", CPUs: 2, Runs: 3,
		OneCase: benchTimes{Filter: "^TestX$", Cases: 1, Total: 9.5, Phases: []result.Phase{{Name: "image", Seconds: 0.1}}},
		Suite:   benchTimes{Cases: 140, Total: 65.25, Phases: []result.Phase{{Name: "image", Seconds: 0.1}, {Name: "scan", Seconds: 1.5}}},
	}
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	want := `6.12.1-teardown, tcg, 2 CPUs: seconds, median of runs: 3

  phase  one case  suite (140 cases)
  image      0.10               0.10
   scan         -               1.50
  total      9.50              65.25

one case: ^TestX$
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
