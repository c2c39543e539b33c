package klog

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An origin says where a golden log is from. Its first line tells it:
//
//	# captured from 6.12.117, profile leak: what provoked it
//	# written for 6.12 from FILE FUNCTION, ...
type origin struct {
	captured bool
	line     string // of kernels; empty for a log that was written for all
	profile  string // of a captured log
	theme    string // of a captured log: the name of its file without the rest
}

var (
	capturedHead = regexp.MustCompile(`^# captured from (\d+\.\d+)\.\d+, profile ([a-z]+): \S.*\n`)
	writtenHead  = regexp.MustCompile(`^# written for (?:(\d+\.\d+)|all lines) from \S.*\n`)
)

// logOrigin reads the first line of a golden log, and checks that the name of
// the file says the same.
func logOrigin(t testing.TB, path string, log []byte) origin {
	t.Helper()
	name := strings.TrimSuffix(filepath.Base(path), ".log")
	if m := capturedHead.FindSubmatch(log); m != nil {
		o := origin{captured: true, line: string(m[1]), profile: string(m[2])}
		theme, isCaptured := strings.CutPrefix(name, "captured-")
		theme, isOfLine := strings.CutSuffix(theme, "-"+o.line+"-"+o.profile)
		if !isCaptured || !isOfLine {
			t.Fatalf("%s: want captured-THEME-%s-%s.log, as its first line says", path, o.line, o.profile)
		}
		o.theme = theme
		return o
	}
	m := writtenHead.FindSubmatch(log)
	if m == nil || !strings.HasPrefix(name, "written-") {
		first, _, _ := bytes.Cut(log, []byte{'\n'})
		t.Fatalf("%s begins with %q: see testdata/README.md", path, first)
	}
	return origin{line: string(m[1])}
}

// TestNoPaths: no log says where it was made.
func TestNoPaths(t *testing.T) {
	paths, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if m := regexp.MustCompile(`(?:^|[^\w/])/(?:root|home|tmp|work)/\S*`).Find(b); m != nil {
			t.Errorf("%s holds %q", path, m)
		}
	}
}

// shown is what the corpus has for one signature.
type shown struct{ captured, written map[string]bool }

// TestSignaturesShown: each signature of the table is shown by a golden log;
// testdata/signatures.md says which ones a kernel has printed.
func TestSignaturesShown(t *testing.T) {
	of := map[*Signature]*shown{}
	for i := range signatures {
		of[&signatures[i]] = &shown{map[string]bool{}, map[string]bool{}}
	}
	for _, path := range goldenLogs(t) {
		log, _ := readGolden(t, path)
		o := logOrigin(t, path, log)
		for _, sig := range matched(log) {
			if o.captured {
				of[sig].captured[o.line] = true
			} else {
				of[sig].written[o.line] = true
			}
		}
	}
	var table strings.Builder
	table.WriteString("| signature | printed by | captured from | written for |\n|---|---|---|---|\n")
	for i := range signatures {
		s := &signatures[i]
		if len(of[s].captured)+len(of[s].written) == 0 {
			t.Errorf("%s (%s): no golden log shows it", s.ID, s.Regexp)
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", s.ID, s.Source, lines(of[s].captured), lines(of[s].written))
	}
	golden(t, "testdata/signatures.md", table.String())
}

// matched returns the signatures of a log's lines, those included that say
// more about an open report.
func matched(log []byte) []*Signature {
	var out []*Signature
	for _, l := range Lines(ParseConsole(log)) {
		if sig, _ := match(l); sig != nil {
			out = append(out, sig)
		}
	}
	return out
}

func lines(set map[string]bool) string {
	order := []string{"", "5.10", "6.1", "6.12", "7.2", "7.3"}
	all := slices.SortedFunc(maps.Keys(set), func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	if len(all) > 0 && all[0] == "" {
		all[0] = "all"
	}
	return strings.Join(all, ", ")
}

// golden compares a text with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; go test -update rewrites it):\n%s", path, d)
	}
}

// TestKmsgAndConsole: of what /dev/kmsg and the console hold of one boot, the
// same reports are made.
func TestKmsgAndConsole(t *testing.T) {
	for _, path := range kmsgLogs(t) {
		var records []Record
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range splitRecords(b) {
			r, err := ParseRecord(text)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			records = append(records, r)
		}
		log, _ := readGolden(t, strings.TrimSuffix(path, ".kmsg")+".log")
		if d := cmp.Diff(summary(Scan(ParseConsole(log))), summary(Scan(records))); d != "" {
			t.Errorf("%s (-console +kmsg):\n%s", path, d)
		}
		if d := cmp.Diff(len(Injections(ParseConsole(log))), len(Injections(records))); d != "" {
			t.Errorf("%s: injections (-console +kmsg):\n%s", path, d)
		}
	}
}

// kmsgLogs returns the logs that are kept in the form of /dev/kmsg too.
func kmsgLogs(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.kmsg")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no logs in the form of /dev/kmsg: %v", err)
	}
	return paths
}

// splitRecords takes the reads of /dev/kmsg apart again: the lines of a
// record's dictionary begin with a blank.
func splitRecords(b []byte) [][]byte {
	var out [][]byte
	for l := range bytes.Lines(b) {
		if len(out) > 0 && l[0] == ' ' {
			out[len(out)-1] = append(out[len(out)-1], l...)
			continue
		}
		out = append(out, slices.Clone(l))
	}
	return out
}

// summary is what must not depend on where a log was read.
func summary(reports []Report) []string {
	var out []string
	for _, r := range reports {
		out = append(out, fmt.Sprintf("%s: %s %v %s fatal=%v: %s", r.Case, r.ID, r.Frames, r.Kind, r.Fatal, r.Title))
	}
	return out
}

// TestClearWarnOnce: on each line clear_warn_once brings back a warning of the
// kernel's own and a WARN_ON_ONCE() of a module. A module's WARN_ONCE() is not
// brought back before 7.2: its flag is in the module's .data.once, which
// clear_warn_once_set() in kernel/panic.c does not know.
func TestClearWarnOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, path := range goldenLogs(t) {
		log, _ := readGolden(t, path)
		o := logOrigin(t, path, log)
		if o.theme != "once" {
			continue
		}
		seen[o.line] = true
		count := map[string]int{}
		for _, r := range Scan(ParseConsole(log)) {
			count[r.Case+" "+r.Title]++
		}
		want := map[string]int{
			"first WARNING at provoke.c in provoke_warn_once": 1, "first WARNING: provoke: once for dummyN in provoke_warn_text_once": 1,
			"second WARNING at provoke.c in provoke_warn_once": 1, "second refcount_t: underflow; use-after-free in provoke_refcount_underflow": 1,
			"third WARNING at provoke.c in provoke_warn_once": 1, "third refcount_t: underflow; use-after-free in provoke_refcount_underflow": 1,
		}
		if o.line == "7.2" || o.line == "7.3" {
			want["second WARNING: provoke: once for dummyN in provoke_warn_text_once"] = 1
		}
		if d := cmp.Diff(want, count); d != "" {
			t.Errorf("%s (-want +got):\n%s", path, d)
		}
	}
	if got := lines(seen); got != "5.10, 6.1, 6.12, 7.2, 7.3" {
		t.Errorf("logs of clear_warn_once are from %s, want all five lines", got)
	}
}

// apart names the cases whose titles are not the same on every line, and why.
var apart = map[string]string{
	"bug-unregister-twice/unregister_twice": "unregister_netdevice_many_notify() is new in 6.1's stable series",
	"rtnl/unregister_unregistered":          "the same",
	"todo/todo_state":                       "5.10 prints \"network todo\", the others netdev_WARN()",
	"memory/vfree":                          "since 6.12 an unaligned address is looked up after the complaint",
	"memory/dentry":                         "the counters of the mm before it are checked when its last user goes; 5.10 prints another line for the busy inodes",
	"slab/slab_double_free":                 "6.1 counts the objects of the slab before it refuses the second free",
	"once/second":                           "see TestClearWarnOnce",
	"inject/kobject/nth=1":                  "kobject_create() is inlined since 6.1",
	"inject/register":                       "the n-th allocation is not the same one",
	"rcu-stall/rcu_stall":                   "whichever processor notices first",
	"extra-put/extra_put":                   "whether the count meets zero in the extra put, or in the last one",
	"rcu-expedited/rcu_expedited":           "whichever of the two stall detectors is first",
	"alloc-order/alloc_vmalloc_huge":        "5.10 gives no reason",
	"san-cache/cache_objects":               "the bad page of an earlier case is met again",
	"san-work/work_atomic":                  "process_one_work() is inlined since 6.12",
	"san-free-twice/free_twice":             "KASAN reports once a boot, and what is read first differs",
}

// TestTitlesAcrossLines: what the same module does wrong on several lines has
// the same titles, but for what apart says.
func TestTitlesAcrossLines(t *testing.T) {
	used := map[string]bool{}
	for key, of := range capturedTitles(t) {
		on := map[string]bool{}
		for _, at := range of {
			maps.Copy(on, at)
		}
		name := key[1]
		if short, _, _ := strings.Cut(name, "/nth="); apart[name] == "" {
			name = short
		}
		for title, at := range of {
			if len(at) == len(on) {
				continue
			}
			if used[name] = true; apart[name] == "" {
				t.Errorf("%s: only on %s of %s: %s", key, lines(at), lines(on), title)
			}
		}
	}
	for name := range apart {
		if !used[name] {
			t.Errorf("apart: %s: the titles are the same on all lines", name)
		}
	}
}

// capturedTitles returns, by profile and THEME/CASE, the titles of the reports
// and the lines each was captured from.
func capturedTitles(t *testing.T) map[[2]string]map[string]map[string]bool {
	t.Helper()
	titles := map[[2]string]map[string]map[string]bool{}
	for _, path := range goldenLogs(t) {
		log, _ := readGolden(t, path)
		o := logOrigin(t, path, log)
		if !o.captured {
			continue
		}
		for _, r := range Scan(ParseConsole(log)) {
			key := [2]string{o.profile, o.theme + "/" + r.Case}
			if titles[key] == nil {
				titles[key] = map[string]map[string]bool{}
			}
			if titles[key][r.Title] == nil {
				titles[key][r.Title] = map[string]bool{}
			}
			titles[key][r.Title][o.line] = true
		}
	}
	return titles
}
