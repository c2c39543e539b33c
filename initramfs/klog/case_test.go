package klog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCase(t *testing.T) {
	const log = `[    1.000000] sysctl duplicate entry: /net/core/before
[    1.100000] teardown: case bond/E9 veto
[    1.200000] sysctl duplicate entry: /net/core/a
[    1.300000] teardown: cases are no marks
[    1.400000] ------------[ cut here ]------------
[    1.400001] WARNING: CPU: 0 PID: 1 at net/core/dev.c:1 f+0x1/0x2
[    1.400002] Call Trace:
[    1.400003]  f+0x1/0x2
[    1.500000] teardown: case veth/E4
[    1.500001]  g+0x1/0x2
[    1.500002] ---[ end trace 0000000000000000 ]---
[    1.600000] sysctl duplicate entry: /net/core/b
[    1.700000] teardown: case 
[    1.800000] sysctl duplicate entry: /net/core/after
`
	type report struct {
		Case, Title string
		Frames      []string
	}
	var got []report
	for _, r := range Scan(ParseConsole([]byte(log))) {
		got = append(got, report{r.Case, r.Title, r.Frames})
	}
	want := []report{
		{Title: "sysctl duplicate entry: /net/core/before"},
		{Case: "bond/E9 veto", Title: "sysctl duplicate entry: /net/core/a"},
		{Case: "bond/E9 veto", Title: "WARNING at net/core/dev.c in f", Frames: []string{"f", "g"}},
		{Case: "veth/E4", Title: "sysctl duplicate entry: /net/core/b"},
		{Title: "sysctl duplicate entry: /net/core/after"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A name may be what a signature matches, or hold what would begin a line of
// its own: the mark is one line, and never a report.
func TestCaseMarkIsNoReport(t *testing.T) {
	for _, name := range []string{"bond", "", "BUG: kernel NULL pointer dereference, address: 0", "a\nWARNING: b", "Kernel panic - not syncing: x"} {
		records := []Record{{Text: CaseMark(name)}, {Text: "debugfs: 'a' already exists in 'b'"}}
		got := Scan(records)
		if len(got) != 1 || got[0].ID != "debugfs-duplicate" {
			t.Errorf("CaseMark(%q): %+v", name, got)
		}
		if lines := Lines(records); len(lines) != 2 {
			t.Errorf("CaseMark(%q) is not one line: %q", name, lines)
		}
	}
}
