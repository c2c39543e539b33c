package suite

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/result"
)

// selfWant says what must become of each case of TestSelf in tests/self_test.go:
// the verdict, the oracle that decides it, and words of the evidence.
var selfWant = map[string]struct {
	verdict verdict.Verdict
	oracle  verdict.Oracle
	words   string
}{
	"pass":              {verdict.Pass, "", ""},
	"errno":             {verdict.Fail, verdict.Errno, `a request that must be refused succeeded`},
	"notify":            {verdict.Fail, verdict.Notify, `no RTM_NEWLINK for a device that was there`},
	"trigger":           {verdict.Unknown, verdict.Trigger, `refused at E2, not at E8`},
	"log":               {verdict.Fail, verdict.Log, `waiting for td0 to become free`},
	"known":             {verdict.Known, verdict.Log, `"known": "self"`},
	"known-and-another": {verdict.Fail, verdict.Log, `waiting for td0 to become free`},
	"leak":              {verdict.Fail, verdict.Kmemleak, `leak: teardown_leak`},
	"life":              {verdict.Fail, verdict.Life, `priv_destructor before the wait for references`},
	"live":              {verdict.Fail, verdict.Live, `net_device not released: teardown_netdev`},
	"percpu":            {verdict.Fail, verdict.PerCPU, `leak of per-cpu memory: .*plant_write`},
	"warn-again":        {verdict.Fail, verdict.Log, `teardown_warn`},
	"trace":             {verdict.Unknown, verdict.Trigger, `trace events were lost`},
	"held":              {verdict.Fail, verdict.Deadline, `netdev_run_todo(.|\n)*waiting for td0`},
	"remains":           {verdict.Fail, verdict.Remains, `left behind: link td0`},
	"deadline":          {verdict.Fail, verdict.Deadline, `stack of the thread:\n.*futex_(do_)?wait`},
	"panic":             {verdict.Fail, verdict.Guest, `sysrq_handle_crash`},
	"hang":              {verdict.Fail, verdict.Guest, `NMI`},
	"memory":            {verdict.Fail, verdict.Guest, `out of memory: the kernel killed the test binary`},
	"exit":              {verdict.Unknown, verdict.Guest, `exit status 3`},
	"blind":             {verdict.Unknown, verdict.Log, `kmemleak is disabled`},
}

// TestSelf runs cases that must not pass in real guests: it sees every oracle
// speak, every detector go blind, and the guest die in every way.
func TestSelf(t *testing.T) {
	if testing.Short() {
		t.Skip("needs guests, which -short leaves out")
	}
	run, out := runSelf(t, "^TestSelf$")
	for _, c := range run.Cases {
		name := strings.TrimPrefix(c.Name, "TestSelf/")
		want, ok := selfWant[name]
		if !ok {
			t.Errorf("%s: nobody says what must become of it", c.Name)
			continue
		}
		delete(selfWant, name)
		evidence, err := json.MarshalIndent(append(c.Evidence, c.Blind...), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(evidence), `\n`, "\n")
		if c.Verdict != want.verdict || c.Oracle != want.oracle || !regexp.MustCompile(want.words).MatchString(text) {
			t.Errorf("%s: %s by %q, want %s by %q with %q\n%s", c.Name, c.Verdict, c.Oracle, want.verdict, want.oracle, want.words, text)
		}
		if name == "leak" && len(c.Evidence) > 0 && c.Evidence[0].Injection != 7 {
			t.Errorf("%s: charged to injection %d, want 7", c.Name, c.Evidence[0].Injection)
		}
	}
	for name := range selfWant {
		t.Errorf("TestSelf/%s did not end", name)
	}
	if got := run.Status(); got != result.Regression {
		t.Errorf("exit status %d, want %d", got, result.Regression)
	}
	wellFormed(t, out)
}

// runSelf runs the suite, with its own cases, with the output of go test -json.
func runSelf(t *testing.T, filter string, args ...string) (*result.Run, []byte) {
	t.Helper()
	ready, err := kernel.LoadReady()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := kernel.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "tests.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "selftest", "-o", binary, "netdev.test/teardown/tests")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the suite: %v\n%s", err, said)
	}
	var out bytes.Buffer
	l := Launch{
		Binary: binary,
		Args:   append([]string{"-test.v=test2json", "-test.run=" + filter}, args...),
		Kernel: ready.Kernel,
		Out:    t.TempDir(),
		Stdout: &out,
		Say:    func(s string) { t.Log(s) },
		Cache:  cache,
	}
	run, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(l.Out, result.JSONFile)); errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no %s", result.JSONFile)
	}
	return run, out.Bytes()
}

// wellFormed checks that go test's own converter finds one beginning and one end
// of each test in what was printed.
func wellFormed(t *testing.T, out []byte) {
	t.Helper()
	convert := exec.CommandContext(t.Context(), "go", "tool", "test2json")
	convert.Stdin = bytes.NewReader(out)
	converted, err := convert.Output()
	if err != nil {
		t.Fatalf("go tool test2json: %v", err)
	}
	type count struct{ Begun, Ended int }
	counts := map[string]count{}
	for line := range bytes.Lines(converted) {
		var e struct{ Action, Test string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		n := counts[e.Test]
		switch e.Action {
		case "run":
			n.Begun++
		case "pass", "fail", "skip":
			n.Ended++
		}
		if e.Test != "" {
			counts[e.Test] = n
		}
	}
	if len(counts) < 2 {
		t.Errorf("only %d tests in the stream", len(counts))
	}
	for name, n := range counts {
		if diff := cmp.Diff(count{1, 1}, n); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
