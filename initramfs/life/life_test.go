package life

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/initramfs/trace"
	"netdev.test/teardown/initramfs/trace/tracetext"
)

var update = flag.Bool("update", false, "rewrite the expectations under testdata")

var kinds = []Symbols{
	{"bond", "bond_init", "bond_uninit", "bond_destructor"},
	{"veth", "veth_dev_init", "", "veth_dev_free"},
	{"dummy", "dummy_dev_init", "dummy_dev_uninit", ""},
	{"loopback", "loopback_dev_init", "", "loopback_dev_free"},
}

// layout has every field; where they are does not matter once a trace is taken.
var layout = map[string]kmod.Field{
	fieldDev: {Offset: 1344, Size: 0}, fieldState: {Offset: 1312, Size: 1}, fieldNeeds: {Offset: 1316, Size: 1}, fieldDestructor: {Offset: 1320, Size: 8},
}

// capture is a file of traces from one kernel.
type capture struct {
	absent   map[string]bool
	sections []section
}

type section struct {
	name   string
	events []trace.Event
}

// readCapture reads a file whose first line names the kernel and the events that
// it has, and whose sections begin with "## ".
func readCapture(t testing.TB, path string) capture {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(b), "\n")
	release, list, ok := strings.Cut(strings.TrimPrefix(head, "# captured on "), "; events: ")
	if !ok {
		t.Fatalf("%s: %q does not say where it was captured", path, head)
	}
	events := strings.Fields(list)
	k := Kernel{Release: release, Layout: maps.Clone(layout), Core: Range{1, 2}, Kinds: kinds}
	if !slices.Contains(events, eventRefcntRet) {
		k.Layout[fieldRefs] = kmod.Field{Offset: 1288, Size: 4}
	}
	c := capture{absent: k.Absent(func(event string) bool { return slices.Contains(events, event) })}
	for _, text := range strings.Split(rest, "## ")[1:] {
		name, text, _ := strings.Cut(text, "\n")
		events, err := tracetext.Parse([]byte(text), eventAlloc, eventAllocEnter)
		if err != nil {
			t.Fatalf("%s: %s: %v", path, name, err)
		}
		c.sections = append(c.sections, section{name, events})
	}
	return c
}

func (c capture) events(t testing.TB, name string) []trace.Event {
	t.Helper()
	for _, s := range c.sections {
		if s.name == name {
			return s.events
		}
	}
	t.Fatalf("no trace %s", name)
	return nil
}

func captures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.trace")
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces: %v", err)
	}
	return files
}

// report is what the oracle makes of a trace.
func report(events []trace.Event, absent map[string]bool) string {
	var b strings.Builder
	for _, d := range Record(events) {
		fmt.Fprintf(&b, "device kind=%q begun=%t ended=%t exit=%q\n%s", d.Kind, d.Begun, d.Ended, d.Exit(), d.Compare(absent))
		for _, v := range Check(d, absent) {
			fmt.Fprintf(&b, "BROKEN: %s\n", v.Title)
		}
	}
	for _, d := range Alive(events) {
		fmt.Fprintf(&b, "alive kind=%q allocated by %s\n", d.Kind, strings.Join(d.Stack, " < "))
	}
	return b.String()
}

// TestGolden checks the histories of captured traces. In none of them a promise
// is broken.
func TestGolden(t *testing.T) {
	for _, file := range captures(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c := readCapture(t, file)
			var b strings.Builder
			for _, line := range Skipped(c.absent) {
				fmt.Fprintf(&b, "skipped: %s\n", line)
			}
			for _, s := range c.sections {
				text := report(s.events, c.absent)
				if strings.Contains(text, "BROKEN") {
					t.Errorf("%s:\n%s", s.name, text)
				}
				fmt.Fprintf(&b, "## %s\n%s", s.name, text)
			}
			golden := strings.TrimSuffix(file, ".trace") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("histories differ (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzRecord checks that no record makes the oracle panic.
func FuzzRecord(f *testing.F) {
	for _, file := range captures(f) {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, text := range strings.Split(string(b), "## ")[1:] {
			_, text, _ = strings.Cut(text, "\n")
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<14 {
			return
		}
		events, _ := tracetext.Parse(text, eventAlloc, eventAllocEnter)
		report(events, nil)
	})
}

// TestFailedAlloc: alloc_netdev_mqs() frees by itself what it cannot finish, and
// that may be where a device was before. What it frees in between, such as the
// counter of references of 5.10, is an event too.
func TestFailedAlloc(t *testing.T) {
	event := func(name string, args map[string]int64) trace.Event {
		return trace.Event{PID: 1, Name: name, Args: args}
	}
	events := []trace.Event{
		event(eventAlloc, map[string]int64{"dev": 0x1000}),
		event(eventFree, map[string]int64{"dev": 0x1000, "state": stateUninitialized}),
		event(eventAllocEnter, nil),
		event(eventFree, map[string]int64{"dev": 0x1000, "state": stateUninitialized}),
		event("percpu_free_percpu", nil),
		event(eventAlloc, map[string]int64{"dev": 0}),
	}
	devices := Record(events)
	if len(devices) != 1 || len(devices[0].Steps) != 2 {
		t.Fatalf("devices: %+v, want one that was allocated and freed", devices)
	}
	for _, v := range Check(devices[0], map[string]bool{}) {
		t.Errorf("broken promise: %s", v.Title)
	}
}
