package gotest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// script drives a merger by lines such as "1 run TestA/b", "1 output TestA/b text",
// "1 own TestA/b" (whose end is then that in the guest), "2 deny TestA/b", "forget TestA/b", "end TestA/b fail text",
// "gone 1"; it returns the merged events as such lines without the guest, and
// what Close returned.
func script(t *testing.T, steps string) (merged, failed []string) {
	t.Helper()
	var events []Event
	m := NewMerger(func(e Event) {
		events = append(events, e)
		line := fmt.Sprintf("%s %s", e.Action, e.Test)
		if e.Output != "" {
			line += " " + strings.TrimSpace(e.Output)
		}
		merged = append(merged, line)
	})
	for line := range strings.Lines(steps) {
		step(t, m, strings.TrimSpace(line))
	}
	failed = m.Close()
	if err := wellFormed(events); err != nil {
		t.Error(err)
	}
	return merged, failed
}

func step(t *testing.T, m *Merger, line string) {
	t.Helper()
	word := strings.SplitN(line, " ", 4)
	switch {
	case line == "":
	case word[0] == "forget":
		m.Forget(word[1:]...)
	case word[0] == "end":
		m.End(word[1], Action(word[2]), 0, word[3:]...)
	case word[0] == "gone":
		m.Gone(number(t, word[1]))
	case word[1] == "own":
		m.Own(word[2], number(t, word[0]))
	case word[1] == "deny":
		m.Deny(word[2], number(t, word[0]))
	default:
		e := Event{Action: Action(word[1]), Test: word[2]}
		if len(word) > 3 {
			e.Output = indent + word[3] + "\n"
		}
		if e.Test == "-" {
			e.Test, e.Output = "", word[3]+"\n"
		}
		m.Event(number(t, word[0]), e)
		if own := m.tests[e.Test]; own != nil && own.kind == claimed && own.owner == number(t, word[0]) && e.Action.Ends() {
			m.End(e.Test, e.Action, 0)
		}
	}
}

func number(t *testing.T, s string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return n
}

// wellFormed returns an error unless each test begins once, does nothing after
// its end and ends once, and all of them do so while their top-level test is
// open.
func wellFormed(events []Event) error {
	open, ended := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		parent := Parent(e.Test)
		switch top, _, sub := strings.Cut(e.Test, "/"); {
		case e.Test == "" && e.Action == Output:
		case e.Action == Run:
			if open[e.Test] || ended[e.Test] {
				return fmt.Errorf("%s begins twice", e.Test)
			}
			if sub && !open[top] {
				return fmt.Errorf("%s begins and %s is not open", e.Test, top)
			}
			open[e.Test] = true
		case !open[e.Test]:
			return fmt.Errorf("%s of %s, which is not open", e.Action, e.Test)
		case e.Action.Ends():
			for test := range open {
				if parent == "" && strings.HasPrefix(test, e.Test+"/") {
					return fmt.Errorf("%s ends before %s", e.Test, test)
				}
			}
			delete(open, e.Test)
			ended[e.Test] = true
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("%v never ended", open)
	}
	return nil
}

func TestMerger(t *testing.T) {
	tests := []struct {
		name, steps, want string
		failed            []string
	}{
		{"one guest", `
			1 run TestA
			1 run TestA/x
			1 own TestA/x
			1 output TestA/x hello
			1 pause TestA/x
			1 cont TestA/x
			1 pass TestA/x
			1 pass TestA
			1 final -  PASS`, `
			run TestA
			run TestA/x
			output TestA/x hello
			pause TestA/x
			cont TestA/x
			pass TestA/x
			pass TestA`, nil},
		{"each guest has one of two cases", `
			1 run TestA
			1 run TestA/x
			2 run TestA
			2 run TestA/x
			1 own TestA/x
			2 deny TestA/x
			2 skip TestA/x
			2 run TestA/y
			2 own TestA/y
			1 pass TestA/x
			1 run TestA/y
			1 deny TestA/y
			1 skip TestA/y
			1 pass TestA
			2 fail TestA/y
			2 fail TestA`, `
			run TestA
			run TestA/x
			run TestA/y
			pass TestA/x
			fail TestA/y
			fail TestA`, nil},
		{"the answer overtakes the stream", `
			1 own TestA/x
			1 run TestA
			1 run TestA/x
			1 pass TestA/x
			2 deny TestA/x
			2 run TestA
			2 run TestA/x
			2 skip TestA/x
			2 pass TestA
			1 pass TestA`, `
			run TestA
			run TestA/x
			pass TestA/x
			pass TestA`, nil},
		{"the answer overtakes the stream, and the parent pauses", `
			1 run TestA
			1 own TestA/x
			1 run TestA/x
			1 pause TestA/x
			1 pause TestA
			1 cont TestA
			1 cont TestA/x
			1 pass TestA/x
			1 pass TestA`, `
			run TestA
			run TestA/x
			pause TestA/x
			pause TestA
			cont TestA
			cont TestA/x
			pass TestA/x
			pass TestA`, nil},
		{"nothing granted leaves no trace, however early that is said", `
			1 deny TestA/x
			1 run TestA
			1 run TestA/x
			1 skip TestA/x
			1 pass TestA`, ``, nil},
		{"nothing granted leaves no trace", `
			1 run TestA
			1 run TestA/x
			1 deny TestA/x
			1 skip TestA/x
			1 pass TestA`, ``, nil},
		{"a parent without subtests is a test like any other", `
			1 run TestA
			2 run TestA
			1 pass TestA
			2 skip TestA`, `
			run TestA
			pass TestA`, nil},
		{"a plain test that fails in the second guest only", `
			1 run TestP
			2 run TestP
			1 output TestP from one
			2 output TestP from two
			1 pass TestP
			2 fail TestP`, `
			run TestP
			output TestP from one
			output TestP from two
			fail TestP`, []string{"TestP"}},
		{"a plain test that passes everywhere speaks once", `
			1 run TestP
			2 run TestP
			2 output TestP from two
			1 output TestP from one
			2 pass TestP
			1 pass TestP`, `
			run TestP
			output TestP from one
			pass TestP`, nil},
		{"a parent that fails by itself", `
			1 run TestA
			1 run TestA/x
			1 own TestA/x
			1 pass TestA/x
			1 output TestA bad set-up
			1 fail TestA`, `
			run TestA
			run TestA/x
			pass TestA/x
			output TestA bad set-up
			fail TestA`, []string{"TestA"}},
		{"a guest dies in a case", `
			1 run TestA
			1 run TestA/x
			1 own TestA/x
			end TestA/x fail Kernel panic
			gone 1
			2 run TestA
			2 run TestA/x
			2 deny TestA/x
			2 skip TestA/x
			2 pass TestA`, `
			run TestA
			run TestA/x
			output TestA/x Kernel panic
			fail TestA/x
			fail TestA`, nil},
		{"a guest dies before its case is seen to begin", `
			1 own TestA/x
			end TestA/x fail Kernel panic
			gone 1`, `
			run TestA
			run TestA/x
			output TestA/x Kernel panic
			fail TestA/x
			fail TestA`, nil},
		{"a paused case is run again", `
			1 run TestA
			1 run TestA/x
			1 own TestA/x
			1 pause TestA/x
			gone 1
			forget TestA/x
			2 run TestA
			2 run TestA/x
			2 own TestA/x
			2 pause TestA/x
			2 cont TestA/x
			2 pass TestA/x
			2 pass TestA`, `
			run TestA
			run TestA/x
			pause TestA/x
			cont TestA/x
			pause TestA/x
			cont TestA/x
			pass TestA/x
			pass TestA`, nil},
		{"a case that ends while it is paused", `
			1 run TestA
			1 run TestA/x
			1 own TestA/x
			1 pause TestA/x
			end TestA/x fail timed out`, `
			run TestA
			run TestA/x
			pause TestA/x
			output TestA/x timed out
			cont TestA/x
			fail TestA/x
			fail TestA`, nil},
		{"a case with subtests of its own", `
			1 run TestA
			1 own TestA
			1 run TestA/sub
			1 output TestA/sub hello
			2 run TestA
			2 deny TestA
			2 skip TestA
			end TestA fail died`, `
			run TestA
			run TestA/sub
			output TestA/sub hello
			fail TestA/sub
			output TestA died
			fail TestA`, nil},
		{"a plain test that no guest ends", `
			1 run TestP
			gone 1`, `
			run TestP
			output TestP no guest got to the end of this test
			fail TestP`, []string{"TestP"}},
		{"a plain test that the next guest ends", `
			1 run TestP
			1 output TestP first
			gone 1
			2 run TestP
			2 output TestP second
			2 pass TestP`, `
			run TestP
			output TestP first
			output TestP second
			pass TestP`, nil},
		{"the text of a panic behind a test's end", `
			1 run TestA
			1 run TestA/x
			1 own TestA/x
			1 pass TestA/x
			1 output TestA/x panic
			2 run TestA/y
			2 deny TestA/y
			2 skip TestA/y
			2 output TestA/y panic too
			1 pass TestA`, `
			run TestA
			run TestA/x
			pass TestA/x
			output TestA panic
			output TestA panic too
			pass TestA`, nil},
		{"what belongs to no test", `
			1 output - -test.shuffle 7
			2 output - -test.shuffle 7
			1 output - own words
			2 output - own words`, `
			output  -test.shuffle 7
			output  own words
			output  own words`, nil},
		{"names of several elements", `
			1 run TestA
			1 run TestA/bond/E8/x
			1 own TestA/bond/E8/x
			1 pause TestA/bond/E8/x
			1 run TestA/bond
			1 own TestA/bond
			2 run TestA
			2 run TestA/bond/E8/x
			2 deny TestA/bond/E8/x
			2 skip TestA/bond/E8/x
			2 pass TestA
			end TestA/bond/E8/x fail died
			1 pass TestA/bond
			1 fail TestA`, `
			run TestA
			run TestA/bond/E8/x
			pause TestA/bond/E8/x
			run TestA/bond
			output TestA/bond/E8/x died
			cont TestA/bond/E8/x
			fail TestA/bond/E8/x
			pass TestA/bond
			fail TestA`, nil},
		{"an attribute", `
			1 run TestA
			1 own TestA
			1 attr TestA colour
			1 pass TestA
			1 attr TestA late`, `
			run TestA
			attr TestA colour
			pass TestA`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var want []string
			for line := range strings.Lines(test.want) {
				if line := strings.TrimSpace(line); line != "" {
					want = append(want, line)
				}
			}
			got, failed := script(t, test.steps)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("merged: want (-), got (+):\n%s", diff)
			}
			if diff := cmp.Diff(test.failed, failed); diff != "" {
				t.Errorf("failed: want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestMergerHoldsLittle(t *testing.T) {
	size := 0
	m := NewMerger(func(e Event) { size += len(e.Output) })
	m.Event(1, Event{Action: Run, Test: "TestP"})
	m.Event(2, Event{Action: Run, Test: "TestP"})
	for range 1000 {
		m.Event(2, Event{Action: Output, Test: "TestP", Output: strings.Repeat("x", 4<<10)})
	}
	if held := m.tests["TestP"].views[2].held; len(held) > maxHeld/(4<<10) {
		t.Errorf("holds %d events", len(held))
	}
	m.Close()
}

// FuzzMerger sends events, answers and deaths in any order.
func FuzzMerger(f *testing.F) {
	f.Add(uint64(1), 50)
	f.Add(uint64(2), 500)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		var events []Event
		m := NewMerger(func(e Event) { events = append(events, e) })
		r := rand.New(rand.NewPCG(seed, 0))
		names := []string{"TestA", "TestA/x", "TestA/y", "TestA/y/z", "TestB", "TestC/x/y"}
		actions := []Action{Run, Pause, Cont, Output, Attr, Pass, Skip, Fail, Final}
		for range min(max(n, 0), 2000) {
			name, guest := names[r.IntN(len(names))], 1+r.IntN(3)
			switch r.IntN(12) {
			case 0:
				m.Own(name, guest)
			case 1:
				m.Deny(name, guest)
			case 2:
				m.Forget(name)
			case 3:
				m.End(name, []Action{Pass, Skip, Fail}[r.IntN(3)], 0, "line")
			case 4:
				m.Gone(guest)
			default:
				m.Event(guest, Event{Action: actions[r.IntN(len(actions))], Test: name, Output: "out\n"})
			}
		}
		m.Close()
		if err := wellFormed(events); err != nil {
			t.Error(err)
		}
	})
}

// TestMergedStreamConverts pipes two guests' streams, interleaved line by line
// in many ways, through all parts and through go tool test2json.
func TestMergedStreamConverts(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		var out strings.Builder
		printer := NewPrinter(&out, JSON)
		m := NewMerger(printer.Event)
		owner := map[string]int{}
		parser := func(guest int) *Parser {
			return NewParser(func(e Event) {
				if e.Action == Run && strings.Count(e.Test, "/") >= 2 { // the leaves claim
					if owner[e.Test] == 0 {
						owner[e.Test] = guest
						m.Own(e.Test, guest)
					} else {
						m.Deny(e.Test, guest)
					}
				}
				m.Event(guest, e)
				if e.Action.Ends() && owner[e.Test] == guest {
					m.End(e.Test, e.Action, e.Elapsed)
				}
			})
		}
		guests := []*Parser{parser(1), parser(2)}
		left := [][]string{strings.SplitAfter(string(sample(t, "test2json")), "\n"), nil}
		left[1] = slices.Clone(left[0])
		for len(left[0])+len(left[1]) > 0 {
			g := r.IntN(2)
			if len(left[g]) > 0 {
				guests[g].Write([]byte(left[g][0]))
				left[g] = left[g][1:]
			}
		}
		m.Close()
		runs, ends := map[string]int{}, map[string]string{}
		for _, e := range convert(t, out.String()+FinalLine(JSON, false)) {
			switch {
			case e.Action == "run":
				runs[e.Test]++
			case e.Test != "" && Action(e.Action).Ends():
				ends[e.Test] += e.Action
			}
		}
		want := map[string]string{
			"TestPlain": "pass", "TestStderr": "fail", "TestKinds": "fail",
			"TestKinds/bond": "pass", "TestKinds/bond/E2": "skip", "TestKinds/bond/E8": "pass",
			"TestSlashes": "fail", "TestSlashes/bond": "pass", "TestSlashes/bond/E8/name": "pass", "TestSlashes/bond/E9/name": "fail",
			"TestKinds/veth": "fail", "TestKinds/veth/E2": "skip", "TestKinds/veth/E8": "fail",
		}
		if diff := cmp.Diff(want, ends); diff != "" {
			t.Errorf("seed %d: ends of go test -json: want (-), got (+):\n%s", seed, diff)
		}
		for test, n := range runs {
			if n != 1 || ends[test] == "" {
				t.Errorf("seed %d: %s: %d run events, end %q", seed, test, n, ends[test])
			}
		}
	}
}
