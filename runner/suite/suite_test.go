package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/vm"
)

// outcome is what a run came to.
type outcome struct {
	run    *result.Run
	err    error
	stdout string
	lab    *lab
	out    string        // folder
	took   time.Duration // by the clock of the test's bubble
}

// try runs the suite in a bubble with a clock of its own, which also makes sure
// that no goroutine is left.
func try(t *testing.T, l *lab, change func(*Config)) (o outcome) {
	t.Helper()
	o.out = t.TempDir()
	synctest.Test(t, func(t *testing.T) { o = tryHere(t.Context(), l, o.out, change) })
	return o
}

func tryHere(ctx context.Context, l *lab, out string, change func(*Config)) (o outcome) {
	var stdout bytes.Buffer
	l.ran, l.begin = map[string][]int{}, map[int]wire.Begin{}
	c := Config{
		Args:   []string{"-test.v=test2json"},
		Kernel: kernel.Kernel{Line: "6.12", Release: "6.12.117-teardown"},
		Accel:  vm.KVM,
		VMs:    1,
		Out:    out,
		Stdout: &stdout,
		Booter: l,
	}
	if change != nil {
		change(&c)
	}
	began := time.Now()
	o.run, o.err = Run(ctx, c)
	o.took, o.stdout, o.lab, o.out = time.Since(began), stdout.String(), l, out
	return o
}

func cases(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("TestA/%c", 'a'+i))
	}
	return names
}

// verdicts lists the cases of a run, sorted, as "TestA/a pass in 1: reason".
func (o outcome) verdicts() (list []string) {
	for _, c := range o.run.Cases {
		s := fmt.Sprintf("%s %s in %d", c.Name, c.Verdict, c.Boot)
		if c.Reason != "" {
			s += ": " + c.Reason
		}
		list = append(list, s)
	}
	slices.Sort(list)
	return list
}

var toolPath = sync.OnceValues(func() ([]byte, error) { return exec.Command("go", "tool", "-n", "test2json").Output() })

// test2json returns the path of the toolchain's converter.
func test2json(t *testing.T) string {
	t.Helper()
	path, err := toolPath()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(path))
}

// tests pipes what was printed through go tool test2json and returns the end of
// each test; a test with several begins or ends is an error.
func (o outcome) tests(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.Command(test2json(t))
	cmd.Stdin = strings.NewReader(o.stdout)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	runs, ends := map[string]int{}, map[string]string{}
	for line := range bytes.Lines(out) {
		var e struct{ Action, Test string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Test == "":
		case e.Action == "run":
			runs[e.Test]++
		case slices.Contains([]string{"pass", "fail", "skip"}, e.Action):
			ends[e.Test] += e.Action
		}
	}
	for test, n := range runs {
		if n != 1 || !slices.Contains([]string{"pass", "fail", "skip"}, ends[test]) {
			t.Errorf("%s began %d times and ended %q", test, n, ends[test])
		}
	}
	return ends
}

func died(f *fake) { f.panics("Fatal exception") }

// says is a quirk that ends the case with the verdict and its test with the word.
func says(c string, v verdict.Verdict, word string) func(*fake) {
	return func(f *fake) {
		f.concludes(c, verdict.Case{Name: c, Verdict: v, Reason: "for a reason"}, word)
	}
}

// spoils is a quirk that spoils the guest.
func spoils(f *fake) {
	f.tell(wire.Message{Type: wire.Spoiled, Test: "TestA/a", Reason: "left a device"})
}

func TestRun(t *testing.T) {
	const panicked = "Kernel panic - not syncing: Fatal exception"
	tests := []struct {
		name       string
		cases      int
		quirk      map[string]func(*fake)
		plain      func(*fake)
		vms        int
		args       []string
		want       []string
		ends       map[string]string // of go tests, where something is worth a look
		status     int
		incomplete string
		boots      []string // how they ended
	}{
		{
			name: "all is well", cases: 2,
			want:  []string{"TestA/a pass in 1", "TestA/b pass in 1"},
			ends:  map[string]string{"TestA": "pass", "TestA/a": "pass", "TestA/b": "pass"},
			boots: []string{"exit"},
		},
		{
			name: "every verdict", cases: 5,
			quirk: map[string]func(*fake){
				"verdict TestA/a": says("TestA/a", verdict.Fail, "FAIL"),
				"verdict TestA/b": says("TestA/b", verdict.Known, "PASS"),
				"verdict TestA/c": says("TestA/c", verdict.Skip, "SKIP"),
				"verdict TestA/d": says("TestA/d", verdict.Unknown, "FAIL"),
			},
			want: []string{
				"TestA/a fail in 1: for a reason", "TestA/b known in 1: for a reason",
				"TestA/c skip in 1: for a reason", "TestA/d unknown in 1: for a reason", "TestA/e pass in 1",
			},
			ends: map[string]string{
				"TestA": "fail", "TestA/a": "fail", "TestA/b": "pass", "TestA/c": "skip", "TestA/d": "fail", "TestA/e": "pass",
			},
			status: result.Regression, boots: []string{"exit"},
		},
		{
			name: "verdict and test disagree", cases: 2,
			quirk: map[string]func(*fake){
				"verdict TestA/a": says("TestA/a", verdict.Fail, "PASS"),
				"verdict TestA/b": says("TestA/b", verdict.Pass, "FAIL"),
			},
			want: []string{
				"TestA/a unknown in 1: its verdict is fail, and its test ended with pass",
				"TestA/b unknown in 1: its verdict is pass, and its test ended with fail",
			},
			ends:   map[string]string{"TestA": "fail", "TestA/a": "fail", "TestA/b": "fail"},
			status: result.NotProven, boots: []string{"exit"},
		},
		{
			name: "a test without a verdict and a verdict without a test", cases: 2,
			quirk: map[string]func(*fake){
				"verdict TestA/a": func(f *fake) { f.ends("TestA/a", "PASS") },
				"verdict TestA/b": func(f *fake) {
					f.tell(wire.Message{Type: wire.Verdict, Test: "TestA/b", Case: &verdict.Case{Name: "TestA/b", Verdict: verdict.Pass}})
				},
			},
			want: []string{
				"TestA/a unknown in 1: its test ended with pass, and no verdict came",
				"TestA/b unknown in 1: its verdict is pass, and its test never ended",
			},
			ends:   map[string]string{"TestA": "fail", "TestA/a": "fail", "TestA/b": "fail"},
			status: result.NotProven, boots: []string{"exit"},
		},
		{
			name: "a panic in a case", cases: 3,
			quirk: map[string]func(*fake){"1 TestA/b": died},
			want: []string{
				"TestA/a pass in 2", // run again, granted nothing else
				"TestA/b fail in 1: " + panicked,
				"TestA/c pass in 3",
			},
			ends:   map[string]string{"TestA": "fail", "TestA/a": "pass", "TestA/b": "fail", "TestA/c": "pass"},
			status: result.Regression, boots: []string{panicked, "exit", "exit"},
		},
		{
			name: "a panic in the scan", cases: 2,
			quirk:      map[string]func(*fake){"1 scan": died},
			want:       []string{"TestA/a pass in 2", "TestA/b pass in 2"},
			ends:       map[string]string{"TestA": "pass", "TestA/a": "pass", "TestA/b": "pass"},
			status:     result.NotProven,
			incomplete: "guest 1 died while no case ran: " + panicked,
			boots:      []string{panicked, "exit", "exit"},
		},
		{
			name: "a panic in each scan", cases: 2,
			quirk: map[string]func(*fake){"1 scan": died, "2 scan": died},
			want: []string{
				"TestA/a unknown in 2: its guest died before its verdict, twice",
				"TestA/b unknown in 2: its guest died before its verdict, twice",
			},
			ends:       map[string]string{"TestA": "fail", "TestA/a": "fail", "TestA/b": "fail"},
			status:     result.NotProven,
			incomplete: "guest 1 died while no case ran: " + panicked + "; guest 2 died while no case ran: " + panicked,
			boots:      []string{panicked, panicked, "exit"},
		},
		{
			name: "a guest that dies with a verdict of failure", cases: 1,
			quirk: map[string]func(*fake){"1 verdict TestA/a": func(f *fake) {
				f.tell(wire.Message{Type: wire.Verdict, Test: "TestA/a", Case: &verdict.Case{Name: "TestA/a", Verdict: verdict.Fail, Reason: "leak"}})
				f.die()
			}},
			want:       []string{"TestA/a fail in 1: leak"},
			ends:       map[string]string{"TestA": "fail", "TestA/a": "fail"},
			status:     result.Regression,
			incomplete: "guest 1 died while no case ran: the guest ended without a word",
			boots:      []string{"the guest ended without a word", "exit"},
		},
		{
			name: "the end in the middle of a message", cases: 1,
			quirk: map[string]func(*fake){"1 TestA/a": func(f *fake) {
				f.send(wire.CasePort, `{"type":"sett`)
				f.die()
			}},
			want:   []string{"TestA/a fail in 1: the guest ended without a word"},
			ends:   map[string]string{"TestA": "fail", "TestA/a": "fail"},
			status: result.Regression, boots: []string{"the guest ended without a word", "exit"},
		},
		{
			name: "a hang that an NMI ends", cases: 1,
			quirk:  map[string]func(*fake){"1 TestA/a": func(f *fake) { f.hangs("[    9.000000] Kernel panic - not syncing: NMI: Not continuing\n") }},
			want:   []string{"TestA/a fail in 1: the guest hung"},
			ends:   map[string]string{"TestA": "fail", "TestA/a": "fail"},
			status: result.Regression, boots: []string{"the guest hung", "exit"},
		},
		{
			name: "a panic that does not reboot", cases: 1,
			quirk: map[string]func(*fake){"1 TestA/a": func(f *fake) {
				fmt.Fprintf(f.console, "[    3.000000] Kernel pan")
				fmt.Fprintf(f.console, "ic - not syncing: Fatal exception\n")
				<-f.dead
			}},
			want:   []string{"TestA/a fail in 1: " + panicked},
			ends:   map[string]string{"TestA": "fail", "TestA/a": "fail"},
			status: result.Regression, boots: []string{panicked, "exit"},
		},
		{
			name: "a spoiled guest", cases: 3,
			quirk: map[string]func(*fake){"TestA/a": spoils},
			want:  []string{"TestA/a pass in 1", "TestA/b pass in 2", "TestA/c pass in 2"},
			ends:  map[string]string{"TestA": "pass", "TestA/a": "pass", "TestA/b": "pass", "TestA/c": "pass"},
			boots: []string{"spoiled by TestA/a", "exit"},
		},
		{
			name: "the last case spoils its guest", cases: 1,
			quirk: map[string]func(*fake){"TestA/a": spoils},
			want:  []string{"TestA/a pass in 1"},
			ends:  map[string]string{"TestA": "pass", "TestA/a": "pass"},
			boots: []string{"spoiled by TestA/a"},
		},
		{
			name: "the test binary panics", cases: 2,
			quirk: map[string]func(*fake){
				"1 TestA/b": func(f *fake) {
					f.print("^--- FAIL: TestA/b (0.00s)", "panic: oops")
					f.message(wire.ControlPort, wire.Exit{Code: 2})
					leave()
				},
			},
			want: []string{
				"TestA/a pass in 2",
				"TestA/b unknown in 1: its test ended with fail, and no verdict came",
			},
			ends:   map[string]string{"TestA": "fail", "TestA/a": "pass", "TestA/b": "fail"},
			status: result.NotProven, boots: []string{"exit status 2", "exit", "exit"},
		},
		{
			name: "out of memory", cases: 1,
			quirk: map[string]func(*fake){
				"1 TestA/a": func(f *fake) {
					f.message(wire.ControlPort, wire.Exit{Code: -1, Signal: "killed"})
					leave()
				},
			},
			want:   []string{"TestA/a fail in 1: out of memory: the kernel killed the test binary"},
			ends:   map[string]string{"TestA": "fail", "TestA/a": "fail"},
			status: result.Regression, boots: []string{"signal: killed", "exit"},
		},
		{
			name: "an exit status that nothing explains", cases: 1,
			quirk:      map[string]func(*fake){"exit": func(f *fake) { f.message(wire.ControlPort, wire.Exit{Code: 1}) }},
			want:       []string{"TestA/a pass in 1"},
			ends:       map[string]string{"TestA": "pass", "TestA/a": "pass"},
			status:     result.NotProven,
			incomplete: "guest 1: exit status 1, and 0 tests failed in it",
			boots:      []string{"exit"},
		},
		{
			name: "a process that does not end", cases: 1,
			quirk:      map[string]func(*fake){"exit": func(f *fake) { <-f.dead }},
			want:       []string{"TestA/a pass in 1"},
			ends:       map[string]string{"TestA": "pass", "TestA/a": "pass"},
			status:     result.NotProven,
			incomplete: "guest 1: the process of the tests did not end",
			boots:      []string{"its process did not end"},
		},
		{
			name: "garbage on the case port", cases: 2,
			quirk:      map[string]func(*fake){"1 TestA/b": func(f *fake) { f.send(wire.CasePort, "\x00\xffnot JSON\n"); <-f.dead }},
			want:       []string{"TestA/a pass in 2", "TestA/b unknown in 1: it sent on teardown.case what makes no sense: invalid character '\\x00' looking for beginning of value"},
			ends:       map[string]string{"TestA": "fail", "TestA/a": "pass", "TestA/b": "fail"},
			status:     result.NotProven,
			incomplete: "",
			boots:      []string{"the guest broke the protocol", "exit", "exit"},
		},
		{
			name: "garbage on the control port", cases: 1,
			quirk:      map[string]func(*fake){"1 TestA/a": func(f *fake) { f.send(wire.ControlPort, `{"code":"seven"}`+"\n"); <-f.dead }},
			want:       []string{"TestA/a unknown in 1: it sent on teardown.control what makes no sense: json: cannot unmarshal string into Go struct field Exit.code of type int"},
			ends:       map[string]string{"TestA": "fail", "TestA/a": "fail"},
			status:     result.NotProven,
			incomplete: "",
			boots:      []string{"the guest broke the protocol", "exit"},
		},
		{
			name: "a message that does not end", cases: 1,
			quirk: map[string]func(*fake){"1 TestA/a": func(f *fake) {
				for {
					f.send(wire.CasePort, strings.Repeat("x", 1<<20))
				}
			}},
			want:   []string{"TestA/a unknown in 1: it sent on teardown.case what makes no sense: a message of more than 4 MiB"},
			ends:   map[string]string{"TestA": "fail", "TestA/a": "fail"},
			status: result.NotProven, boots: []string{"the guest broke the protocol", "exit"},
		},
		{
			name: "a second claim", cases: 1,
			quirk: map[string]func(*fake){"1 TestA/a": func(f *fake) { f.claims("TestA/a"); <-f.dead }},
			want: []string{
				"TestA/a unknown in 1: it sent on teardown.case what makes no sense: a second claim of TestA/a",
			},
			status: result.NotProven, boots: []string{"the guest broke the protocol", "exit"},
		},
		{
			name: "answers that are never read", cases: 1,
			quirk: map[string]func(*fake){"1 TestA/a": func(f *fake) {
				spoils(f)
				for {
					f.tell(wire.Message{Type: wire.Claim, Test: "TestA/flood"})
				}
			}},
			want: []string{
				"TestA/a unknown in 1: it sent on teardown.case what makes no sense: it does not read 64 answers",
				"TestA/flood unknown in 0: a guest asked for it, and the next one did not",
			},
			status: result.NotProven, boots: []string{"the guest broke the protocol", "exit"},
		},
		{
			name: "a flood of output", cases: 1,
			quirk: map[string]func(*fake){"TestA/a": func(f *fake) {
				for range 100 {
					f.send(wire.StdoutPort, strings.Repeat("flood ", 10<<10))
				}
				f.print("")
			}},
			want:  []string{"TestA/a pass in 1"},
			ends:  map[string]string{"TestA": "pass", "TestA/a": "pass"},
			boots: []string{"exit"},
		},
		{
			name: "a verdict of somebody else's case", cases: 1,
			quirk: map[string]func(*fake){"1 TestA/a": func(f *fake) {
				f.tell(wire.Message{Type: wire.Verdict, Test: "TestA/z", Case: &verdict.Case{Name: "TestA/z", Verdict: verdict.Pass}})
				<-f.dead
			}},
			want:   []string{"TestA/a unknown in 1: it sent on teardown.case what makes no sense: verdict of TestA/z, which is not the guest's"},
			status: result.NotProven, boots: []string{"the guest broke the protocol", "exit"},
		},
		{
			name: "a plain test fails", cases: 1,
			plain: func(f *fake) {
				f.failed = true
				f.print("^=== RUN   TestPlain", "^--- FAIL: TestPlain (0.00s)", "^=== NAME  ")
			},
			want:       []string{"TestA/a pass in 1"},
			status:     result.NotProven,
			incomplete: "a test failed that is no case, or not for its cases: TestA, TestPlain",
			boots:      []string{"exit"},
		},
		{
			name: "guests keep dying between cases", cases: 1,
			quirk:      map[string]func(*fake){"1 TestA/a": died, "2 tests": died, "3 tests": died},
			want:       []string{"TestA/a fail in 1: " + panicked},
			status:     result.Regression,
			incomplete: "guest 2 died while no case ran: " + panicked + "; guest 3 died while no case ran: " + panicked + "; gave up: 2 guests in a row ended before a case",
			boots:      []string{panicked, panicked, panicked},
		},
		{
			name: "the second guest does not boot", cases: 3, vms: 2,
			quirk:      map[string]func(*fake){"2 boot": died},
			want:       []string{"TestA/a pass in 1", "TestA/b pass in 1", "TestA/c pass in 1"},
			status:     result.NotProven,
			incomplete: "guest 2 did not come up: qemu failed: no such machine",
			boots:      []string{"exit", "did not come up: qemu failed: no such machine"},
		},
		{
			name: "a case that the repeating guest does not ask for", cases: 2,
			quirk: map[string]func(*fake){"1 scan": died, "2 tests": func(f *fake) { f.print("^PASS") }},
			want: []string{
				"TestA/a unknown in 0: its guest died, and another one did not ask for it again",
				"TestA/b unknown in 0: its guest died, and another one did not ask for it again",
			},
			status:     result.NotProven,
			incomplete: "guest 1 died while no case ran: " + panicked,
			boots:      []string{panicked, "exit", "exit"},
		},
		{
			name: "first failure", cases: 3, args: []string{"-test.v=test2json", "-test.failfast"},
			quirk:      map[string]func(*fake){"1 TestA/b": died},
			want:       []string{"TestA/a unknown in 0: its guest died before its verdict, and it was not run again: stopped after the first failure (-failfast)", "TestA/b fail in 1: " + panicked},
			ends:       map[string]string{"TestA": "fail", "TestA/a": "fail", "TestA/b": "fail"},
			status:     result.Regression,
			incomplete: "stopped after the first failure (-failfast)",
			boots:      []string{panicked},
		},
		{
			name: "three times", cases: 1, args: []string{"-test.v=false", "-test.count=3"},
			want:  []string{"TestA/a pass in 1", "TestA/a pass in 2", "TestA/a pass in 3"},
			boots: []string{"exit", "exit", "exit"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := &lab{cases: cases(test.cases), quirk: test.quirk, plain: test.plain}
			o := try(t, l, func(c *Config) {
				c.VMs = max(1, test.vms)
				if test.args != nil {
					c.Args = test.args
				}
			})
			if o.err != nil {
				t.Fatal(o.err)
			}
			if diff := cmp.Diff(test.want, o.verdicts()); diff != "" {
				t.Errorf("cases: want (-), got (+):\n%s", diff)
			}
			if got := o.run.Incomplete; got != test.incomplete {
				t.Errorf("incomplete: %q, want %q", got, test.incomplete)
			}
			if got := ExitCode(o.run); got != test.status {
				t.Errorf("exit status %d, want %d", got, test.status)
			}
			var boots []string
			for _, b := range o.run.Boots {
				boots = append(boots, b.Ended)
			}
			if diff := cmp.Diff(test.boots, boots); diff != "" {
				t.Errorf("boots: want (-), got (+):\n%s", diff)
			}
			ends := o.tests(t)
			if diff := cmp.Diff(test.ends, ends); test.ends != nil && diff != "" {
				t.Errorf("tests: want (-), got (+):\n%s", diff)
			}
			checkFiles(t, o)
		})
	}
}

// checkFiles makes sure that the folder of a run holds what it must.
func checkFiles(t *testing.T, o outcome) {
	t.Helper()
	written, err := result.Read(filepath.Join(o.out, result.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(written.Cases) != len(o.run.Cases) {
		t.Errorf("%s holds %d cases of %d", result.JSONFile, len(written.Cases), len(o.run.Cases))
	}
	for _, b := range o.run.Boots {
		info, err := os.Stat(filepath.Join(o.out, fmt.Sprintf("console-%d.log", b.Number)))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("%s may be read by others", info.Name())
		}
	}
}

// leave ends a fake guest.
func leave() { runtime.Goexit() }

func TestRunFails(t *testing.T) {
	never := func(f *fake) { <-f.dead }
	tests := []struct {
		name  string
		quirk map[string]func(*fake)
		vms   int
		args  []string
		is    error
		want  string // DIR stands for the folder
	}{
		{
			"QEMU does not start", map[string]func(*fake){"boot": died}, 1, nil, ErrGuest,
			"the guest does not work: guest 1 did not come up: qemu failed: no such machine",
		},
		{
			"no hello", map[string]func(*fake){"hello": never}, 1, nil, ErrGuest,
			"the guest does not work: guest 1 did not come up: it did not say hello within 30s; " +
				"its console (DIR/console-1.log) ends: [    0.000000] Linux version 6.12.117-teardown",
		},
		{
			"no guest says hello", map[string]func(*fake){"hello": died}, 2, nil, ErrGuest,
			"the guest does not work: guest 2 did not come up: it ended before it said hello; its console (DIR/console-2.log) ends: " +
				"Kernel panic - not syncing: Fatal exception",
		},
		{
			"garbage for a hello", map[string]func(*fake){"hello": func(f *fake) { f.send(wire.ControlPort, "hello?\n"); <-f.dead }}, 1, nil, ErrGuest,
			"the guest does not work: guest 1 did not come up: it sent on teardown.control what makes no sense: " +
				"invalid character 'h' looking for beginning of value; its console (DIR/console-1.log) ends: [    0.000000] Linux version 6.12.117-teardown",
		},
		{
			"another kernel", map[string]func(*fake){"hello": func(f *fake) { f.message(wire.ControlPort, wire.Hello{Release: "5.10.1"}) }}, 1, nil, ErrGuest,
			"the guest does not work: it runs Linux 5.10.1, and 6.12.117-teardown was to be tested",
		},
		{
			"the test binary does not get to a case", map[string]func(*fake){"tests": func(f *fake) {
				f.print("set up the guest: no kmemleak")
				f.message(wire.ControlPort, wire.Exit{Code: 2})
				leave()
			}}, 1, nil, ErrGuest,
			"the guest does not work: the test binary ended (exit status 2) before its first case: set up the guest: no kmemleak",
		},
		{
			"guests die before a case", map[string]func(*fake){"tests": died}, 1, nil, ErrGuest,
			"the guest does not work: 2 guests ended before their first case: Kernel panic - not syncing: Fatal exception",
		},
		{
			"nothing matches", map[string]func(*fake){"tests": func(f *fake) {
				f.print("^=== RUN   TestA", "^--- PASS: TestA (0.00s)", "testing: warning: no tests to run", "^PASS")
			}}, 1, []string{"-test.run=TestA/nothing", "-test.skip=b"}, ErrNoMatch,
			`no case matches -run "TestA/nothing" -skip "b" (go test ./tests -list . lists the tests)`,
		},
		{
			"a flag that does not work", nil, 1, []string{"-test.cpuprofile=cpu.out"}, nil,
			"-cpuprofile: not supported: its file would be written inside the guest, and be lost with it",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := try(t, &lab{cases: cases(1), quirk: test.quirk}, func(c *Config) {
				c.VMs, c.Args = test.vms, append(c.Args, test.args...)
			})
			if o.err == nil {
				t.Fatalf("no error, but %v", o.verdicts())
			}
			got := strings.ReplaceAll(o.err.Error(), o.out, "DIR")
			// Either of two guests may be the last that does not come up.
			got = strings.NewReplacer("guest 1 did", "guest N did", "guest 2 did", "guest N did", "console-2", "console-N", "console-1", "console-N").Replace(got)
			want := strings.NewReplacer("guest 1 did", "guest N did", "guest 2 did", "guest N did", "console-2", "console-N", "console-1", "console-N").Replace(test.want)
			if got != want {
				t.Errorf("error:\n%s\nwant:\n%s", got, want)
			}
			if test.is != nil && !errors.Is(o.err, test.is) {
				t.Errorf("%v is not %v", o.err, test.is)
			}
			if o.run != nil {
				t.Error("there is a result, too")
			}
		})
	}
}

// TestIdle: a guest gets an NMI when it was silent for Idle, and is killed when
// that has no effect; progress keeps it alive.
func TestIdle(t *testing.T) {
	var asked time.Duration
	l := &lab{cases: cases(1), quirk: map[string]func(*fake){"1 TestA/a": func(f *fake) {
		for i := range 10 {
			time.Sleep(DefaultIdle - time.Second)
			f.tell(wire.Message{Type: wire.Progress, Test: "TestA/a", Done: i + 1, Of: 300})
		}
		fmt.Fprintln(f.console, "[    2.000000] unregister_netdevice: waiting for eth0 to become free. Usage count = 2")
		silent := time.Now()
		<-f.nmi
		fmt.Fprintln(f.console, "[   12.000000] NMI: it does not panic")
		asked = time.Since(silent)
		<-f.dead
	}}}
	o := try(t, l, nil)
	if want := []string{"TestA/a fail in 1: the guest hung"}; o.err != nil || !slices.Equal(o.verdicts(), want) {
		t.Fatalf("%v, %v", o.err, o.verdicts())
	}
	if asked != DefaultIdle {
		t.Errorf("asked by NMI after %v of silence, want %v", asked, DefaultIdle)
	}
	if got := time.Duration(o.run.Boots[0].Seconds * float64(time.Second)).Round(time.Second); got != 10*(DefaultIdle-time.Second)+DefaultIdle+nmiGrace {
		t.Errorf("killed after %v", got)
	}
	c := o.run.Cases[0]
	want := "after step 10 of 300\n" +
		"[    2.000000] unregister_netdevice: waiting for eth0 to become free. Usage count = 2\n" +
		"[   12.000000] NMI: it does not panic"
	if c.Evidence[0].Detail != want {
		t.Errorf("evidence %q, want %q", c.Evidence[0].Detail, want)
	}
	if c.Kind != "bond" || c.Exit != "E8" || c.Trigger != "name" || c.Repeat == "" {
		t.Errorf("the case lacks what its claim told: %+v", c)
	}
}

// TestScale: the deadlines of a guest that is emulated, or whose kernel is
// instrumented, are longer.
func TestScale(t *testing.T) {
	l := &lab{cases: cases(1), quirk: map[string]func(*fake){"1 TestA/a": func(f *fake) { f.hangs("") }}}
	o := try(t, l, func(c *Config) { c.Accel, c.Scale = vm.TCG, 3 })
	want := time.Duration(vm.TCG.Scale()) * 3 * (DefaultIdle + nmiGrace)
	if got := time.Duration(o.run.Boots[0].Seconds * float64(time.Second)).Round(time.Second); got != want {
		t.Errorf("killed after %v, want %v", got, want)
	}
}

// deadly is a known issue that all cases of the fake guests may meet.
func deadly(t *testing.T) verdict.Issues {
	t.Helper()
	issues, err := verdict.LoadKnown([]byte(`
[[issue]]
id = "fatal"
title = "the kernel dies"
reason = "it is in the tests of this package"
kinds = ["bond"]
exits = ["E8"]
oracle = "guest"
evidence = "none"
signature = '^Kernel panic - not syncing: Fatal exception$'
kernels = ">=6.0"
`))
	if err != nil {
		t.Fatal(err)
	}
	return issues
}

// TestKnownDeath: each case that may kill its guest gets one of its own, where it
// is the only one, and is not run again if the guest dies after it settled.
func TestKnownDeath(t *testing.T) {
	l := &lab{cases: cases(3), quirk: map[string]func(*fake){
		"TestA/a": died, "TestA/b": func(f *fake) { f.lab.quirk["3 scan"] = died }}}
	o := try(t, l, func(c *Config) { c.Issues = deadly(t) })
	want := []string{"TestA/a known in 2: known issue fatal", "TestA/b known in 3: known issue fatal", "TestA/c pass in 4"}
	if diff := cmp.Diff(want, o.verdicts()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	tests := map[string]string{"TestA": "pass", "TestA/a": "pass", "TestA/b": "pass", "TestA/c": "pass"}
	if diff := cmp.Diff(tests, o.tests(t)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if ExitCode(o.run) != result.Good || len(o.run.Known) != 1 {
		t.Errorf("exit status %d, known issues %v", ExitCode(o.run), o.run.Known)
	}
	begin := map[int]wire.Begin{1: {}, 2: {Run: "^TestA$/^a$"}, 3: {Run: "^TestA$/^b$"}, 4: {Run: "^TestA$/^c$"}}
	if diff := cmp.Diff(begin, l.begin); diff != "" {
		t.Errorf("what guests began with, want (-), got (+):\n%s", diff)
	}
}

// TestKnownDeathOfNothing: a case that will be skipped kills no guest.
func TestKnownDeathOfNothing(t *testing.T) {
	l := &lab{cases: cases(1), lacking: true, quirk: map[string]func(*fake){"verdict TestA/a": says("TestA/a", verdict.Skip, "SKIP")}}
	o := try(t, l, func(c *Config) { c.Issues = deadly(t) })
	if diff := cmp.Diff([]string{"TestA/a skip in 1: for a reason"}, o.verdicts()); diff != "" || l.boots != 1 {
		t.Errorf("%d boots; want (-), got (+):\n%s", l.boots, diff)
	}
}

// TestManyLeft: where a spoiled guest leaves many cases, two guests share them.
func TestManyLeft(t *testing.T) {
	l := &lab{quirk: map[string]func(*fake){"1 TestA/a": spoils, "2 TestA/a": spoils}}
	for i := range 2 * manyCases {
		l.cases = append(l.cases, fmt.Sprintf("TestA/%c%d", 'a'+min(i, 1), i))
	}
	l.cases[0] = "TestA/a"
	l.hook = func(*fake, string) { time.Sleep(time.Second) }
	o := try(t, l, func(c *Config) { c.VMs = 2 })
	by := map[int]int{}
	for _, c := range o.run.Cases {
		by[c.Boot]++
	}
	spoiled := l.provoked("TestA/a")[0]
	for _, g := range []int{1, 2, 3} {
		if (by[g] == 1) != (g == spoiled) || g != spoiled && by[g] < manyCases/2 {
			t.Errorf("guest %d was spoiled; cases by guest: %v", spoiled, by)
		}
	}
}

func TestInterrupt(t *testing.T) {
	for _, when := range []string{"hello", "TestA/b", "scan"} {
		t.Run(when, func(t *testing.T) {
			out := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				l := &lab{cases: cases(2), quirk: map[string]func(*fake){when: func(f *fake) { cancel(); <-f.dead }}}
				o := tryHere(ctx, l, out, func(c *Config) { c.VMs = 2 })
				if o.err != nil {
					t.Fatal(o.err)
				}
				if o.run.Incomplete != "interrupted" || ExitCode(o.run) != result.NotProven {
					t.Errorf("incomplete %q, exit status %d", o.run.Incomplete, ExitCode(o.run))
				}
				for _, c := range o.run.Cases {
					if c.Verdict == verdict.Fail {
						t.Errorf("%s is charged with the interrupt: %s", c.Name, c.Reason)
					}
				}
				o.tests(t)
				checkFiles(t, o)
			})
		})
	}
}

func TestInterruptedBefore(t *testing.T) {
	out := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		o := tryHere(ctx, &lab{cases: cases(1)}, out, nil)
		if o.err != nil || o.lab.boots != 0 || o.run.Incomplete != "interrupted" {
			t.Errorf("error %v, %d boots, %+v", o.err, o.lab.boots, o.run)
		}
	})
}

func TestTimeout(t *testing.T) {
	l := &lab{cases: cases(2), quirk: map[string]func(*fake){"TestA/b": func(f *fake) {
		for {
			select {
			case <-time.After(7 * time.Second):
				f.tell(wire.Message{Type: wire.Progress, Test: "TestA/b", Done: 1})
			case <-f.dead:
				leave()
			}
		}
	}}}
	o := try(t, l, func(c *Config) { c.Args = append(c.Args, "-test.timeout=10m0s") })
	want := []string{"TestA/a unknown in 1: test timed out after 10m0s", "TestA/b unknown in 1: test timed out after 10m0s"}
	if diff := cmp.Diff(want, o.verdicts()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if o.run.Incomplete != "test timed out after 10m0s" || o.took != 10*time.Minute {
		t.Errorf("incomplete %q after %v", o.run.Incomplete, o.took)
	}
	if diff := cmp.Diff(map[string]string{"TestA": "fail", "TestA/a": "fail", "TestA/b": "fail"}, o.tests(t)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// TestTwoGuests: no case is run twice, both guests have work, and what they
// print is one stream.
func TestTwoGuests(t *testing.T) {
	l := &lab{cases: cases(12), hook: func(*fake, string) { time.Sleep(time.Second) }}
	o := try(t, l, func(c *Config) { c.VMs = 2 })
	if o.err != nil {
		t.Fatal(o.err)
	}
	by := map[int]int{}
	for _, c := range l.cases {
		if got := l.provoked(c); len(got) != 1 {
			t.Errorf("%s was provoked in guests %v", c, got)
		} else {
			by[got[0]]++
		}
	}
	if by[1] != 6 || by[2] != 6 {
		t.Errorf("cases by guest: %v", by)
	}
	if ends := o.tests(t); len(ends) != 13 {
		t.Errorf("tests: %v", ends)
	}
	if o.run.Wanted != 12 || ExitCode(o.run) != result.Good {
		t.Errorf("wanted %d, exit status %d", o.run.Wanted, ExitCode(o.run))
	}
}

// TestNamesWithSlashes: what stands between the slashes of a case's name need
// not be a test.
func TestNamesWithSlashes(t *testing.T) {
	l := &lab{cases: []string{"TestA/bond/E8/x", "TestA/bond/E9/y"}, hook: func(*fake, string) { time.Sleep(time.Second) }}
	l.quirk = map[string]func(*fake){"1 scan": died}
	o := try(t, l, func(c *Config) { c.VMs = 2 })
	want := map[string]string{"TestA": "pass", "TestA/bond/E8/x": "pass", "TestA/bond/E9/y": "pass"}
	if diff := cmp.Diff(want, o.tests(t)); o.err != nil || diff != "" {
		t.Errorf("error %v; want (-), got (+):\n%s", o.err, diff)
	}
	if want := "guest 1 died while no case ran: Kernel panic - not syncing: Fatal exception"; o.run.Incomplete != want {
		t.Errorf("incomplete: %s", o.run.Incomplete)
	}
}

// TestSecondGuestIsLazy: where the filter may leave one case, a second guest is
// not started for it.
func TestSecondGuestIsLazy(t *testing.T) {
	for _, test := range []struct {
		filter       string
		cases, boots int
	}{{"TestA/a", 1, 1}, {"TestA/.", 2, 2}, {"TestA", 1, 2}} {
		l := &lab{cases: cases(test.cases), hook: func(*fake, string) { time.Sleep(time.Second) }}
		o := try(t, l, func(c *Config) { c.VMs, c.Args = 2, append(c.Args, "-test.run="+test.filter) })
		if o.err != nil || l.boots != test.boots || ExitCode(o.run) != result.Good {
			t.Errorf("-run %s with %d cases: %d boots, want %d; error %v", test.filter, test.cases, l.boots, test.boots, o.err)
		}
	}
}

// TestNeedlessGuest: a guest that is still booting when all is done is not
// waited for.
func TestNeedlessGuest(t *testing.T) {
	l := &lab{cases: cases(1), quirk: map[string]func(*fake){"2 hello": func(f *fake) {
		select {
		case <-time.After(25 * time.Second):
			t.Error("the second guest is waited for")
		case <-f.dead:
		}
	}}}
	o := try(t, l, func(c *Config) { c.VMs = 2 })
	if o.err != nil || o.took > 5*time.Second || ExitCode(o.run) != result.Good {
		t.Errorf("took %v, error %v, incomplete %q", o.took, o.err, o.run.Incomplete)
	}
	if len(o.run.Boots) != 2 || o.run.Boots[1].Ended != notNeeded {
		t.Errorf("boots: %+v", o.run.Boots)
	}
}

// TestDeathOfOneOfTwo: what the dead guest had settled is run again, what the
// other one has is not.
func TestDeathOfOneOfTwo(t *testing.T) {
	l := &lab{cases: cases(8), hook: func(*fake, string) { time.Sleep(time.Second) }}
	l.quirk = map[string]func(*fake){}
	for _, c := range l.cases {
		l.quirk["2 "+c] = func(f *fake) {
			if len(f.held) == 2 {
				died(f)
			}
		}
	}
	o := try(t, l, func(c *Config) { c.VMs = 2 })
	if o.err != nil {
		t.Fatal(o.err)
	}
	failed, again := 0, 0
	for _, c := range o.run.Cases {
		ran := l.provoked(c.Name)
		switch {
		case c.Verdict == verdict.Fail && slices.Equal(ran, []int{2}):
			failed++
		case c.Verdict == verdict.Pass && len(ran) == 2 && ran[0] == 2 && c.Boot == ran[1]:
			again++
		case c.Verdict != verdict.Pass || len(ran) != 1:
			t.Errorf("%s %s was provoked in %v", c.Name, c.Verdict, ran)
		}
	}
	if failed != 1 || again != 2 || len(o.run.Cases) != 8 || o.run.Incomplete != "" {
		t.Errorf("%d failed, %d were run again: %v; %s", failed, again, o.verdicts(), o.run.Incomplete)
	}
	o.tests(t)
}

// TestUnaskedSkips: a guest that knows itself that it is spoiled may skip its
// cases without asking.
func TestUnaskedSkips(t *testing.T) {
	l := &lab{cases: cases(1), quirk: map[string]func(*fake){"1 TestA/a": spoils}}
	l.plain = func(f *fake) {
		if f.number == 1 {
			f.print("^=== RUN   TestB", "^--- SKIP: TestB (0.00s)", "^=== NAME  ")
			return
		}
		f.print("^=== RUN   TestB")
		if f.claims("TestB") {
			f.concludes("TestB", verdict.Case{Name: "TestB", Verdict: verdict.Pass}, "PASS")
		}
	}
	o := try(t, l, nil)
	if diff := cmp.Diff([]string{"TestA/a pass in 1", "TestB pass in 2"}, o.verdicts()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"TestA": "pass", "TestA/a": "pass", "TestB": "pass"}, o.tests(t)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestResult(t *testing.T) {
	var events []Event
	l := &lab{cases: cases(2), quirk: map[string]func(*fake){
		"hello": func(f *fake) {
			time.Sleep(2 * time.Second)
			f.message(wire.ControlPort, wire.Hello{Release: "6.12.117-teardown", Lacking: []string{"CONFIG_BONDING=m"}})
		},
		"TestA/a": func(f *fake) {
			time.Sleep(3 * time.Second)
			for range 3 { // of an oracle, after each case
				f.tell(wire.Message{Type: wire.Phase, Phase: "remains", Seconds: 0.5})
			}
		},
		"scan": func(f *fake) {
			f.tell(wire.Message{Type: wire.Phase, Phase: "scan"})
			time.Sleep(time.Second)
			f.tell(wire.Message{Type: wire.Phase, Phase: "scan", Seconds: 1})
		},
	}}
	o := try(t, l, func(c *Config) {
		c.Kernel = kernel.Kernel{Line: "6.12", Source: "a tree", Profile: "leak", ConfigHash: "abc"}
		c.Progress = func(e Event) { events = append(events, e) }
		c.Command, c.Tool, c.Host = "go test ./tests", result.Tool{Version: "v1"}, result.Host{CPUs: 2}
	})
	if o.err != nil {
		t.Fatal(o.err)
	}
	want := &result.Run{
		SchemaVersion: result.SchemaVersion,
		Tool:          result.Tool{Version: "v1"},
		Command:       "go test ./tests",
		Started:       o.run.Started,
		Seconds:       6,
		Host:          result.Host{CPUs: 2},
		Kernel:        result.Kernel{Line: "6.12", Release: "6.12.117-teardown", Source: "a tree", Profile: "leak", ConfigHash: "abc"},
		Wanted:        2,
		Cases:         o.run.Cases,
		Unreached:     o.run.Unreached, // of package result
		Boots: []result.Boot{{
			Number: 1, Release: "6.12.117-teardown", Ended: "exit", Seconds: 6,
			Controls: []wire.ControlOutcome{{Oracle: verdict.Log, Saw: true}},
		}},
		Phases: []result.Phase{
			{Name: "power-on to init", Seconds: 2}, {Name: "cases", Seconds: 1.5},
			{Name: "remains", Seconds: 1.5}, {Name: "scan", Seconds: 1}, {Name: "power-off"},
		},
		Incomplete: `the kernel lacks "CONFIG_BONDING=m", which was asked for, and 0 more`,
	}
	if diff := cmp.Diff(want, o.run); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	first, last := events[0], events[len(events)-1]
	if first.Phase != phaseBoot || first.Boot != 1 || last.Done != 2 || last.Elapsed != 6*time.Second {
		t.Errorf("progress from %+v to %+v", first, last)
	}
}

// TestModes: what is printed is what go test prints in the mode that was asked
// for.
func TestModes(t *testing.T) {
	for mode, want := range map[string]string{
		"false": `--- FAIL: TestA (1.00s)
    --- FAIL: TestA/b (0.10s)
        provoking
FAIL
`,
		"true": `=== RUN   TestA
=== RUN   TestA/a
    provoking
=== PAUSE TestA/a
=== RUN   TestA/b
    provoking
=== PAUSE TestA/b
=== PAUSE TestA
=== CONT  TestA
=== CONT  TestA/a
=== CONT  TestA/b
--- FAIL: TestA (1.00s)
    --- PASS: TestA/a (0.10s)
    --- FAIL: TestA/b (0.10s)
FAIL
`,
	} {
		l := &lab{cases: cases(2), quirk: map[string]func(*fake){"verdict TestA/b": says("TestA/b", verdict.Fail, "FAIL")}}
		args := []string{"-test.v=" + mode}
		o := try(t, l, func(c *Config) { c.Args = args })
		if diff := cmp.Diff(want, o.stdout+LastLine(args, o.run)); diff != "" {
			t.Errorf("-test.v=%s: want (-), got (+):\n%s", mode, diff)
		}
	}
}

// TestWriterFails: a run whose output is lost is no good run.
func TestWriterFails(t *testing.T) {
	o := try(t, &lab{cases: cases(1)}, func(c *Config) { c.Stdout = failingWriter{} })
	if o.err == nil || o.err.Error() != "print the tests' output: no space left" {
		t.Errorf("error %v", o.err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }
