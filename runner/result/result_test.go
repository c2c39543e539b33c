package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

func TestStatus(t *testing.T) {
	pass := verdict.Case{Verdict: verdict.Pass}
	known := verdict.Case{Verdict: verdict.Known}
	skip := verdict.Case{Verdict: verdict.Skip}
	fail := verdict.Case{Verdict: verdict.Fail}
	unknown := verdict.Case{Verdict: verdict.Unknown}
	unseen := []Boot{{Controls: []wire.ControlOutcome{{Saw: true}, {Saw: false}}}}
	missing := []Boot{{Controls: []wire.ControlOutcome{{Saw: true}, {Absent: true}}}}
	tests := []struct {
		name string
		run  Run
		want int
	}{
		{"no case ran", Run{}, NotProven},
		{"all pass", Run{Wanted: 2, Cases: []verdict.Case{pass, pass}}, Good},
		{"known and skipped", Run{Cases: []verdict.Case{pass, known, skip}}, Good},
		{"only skipped", Run{Wanted: 1, Cases: []verdict.Case{skip}}, NotProven},
		{"a failure", Run{Cases: []verdict.Case{pass, fail}}, Regression},
		{"unknown", Run{Cases: []verdict.Case{pass, unknown}}, NotProven},
		{"a failure wins over unknown", Run{Cases: []verdict.Case{unknown, fail}}, Regression},
		{"a failure wins over incomplete", Run{Incomplete: "interrupted", Cases: []verdict.Case{fail}}, Regression},
		{"incomplete", Run{Incomplete: "interrupted", Cases: []verdict.Case{pass}}, NotProven},
		{"a case is missing", Run{Wanted: 2, Cases: []verdict.Case{pass}}, NotProven},
		{"a control was not seen", Run{Cases: []verdict.Case{pass}, Boots: unseen}, NotProven},
		{"an oracle is absent", Run{Cases: []verdict.Case{pass}, Boots: missing}, Good},
		{"no verdict at all", Run{Cases: []verdict.Case{pass, {}}}, NotProven},
		{"no verdict of ours", Run{Cases: []verdict.Case{pass, {Verdict: "fine"}}}, NotProven},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.run.Status(); got != tt.want {
				t.Errorf("Status() = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestWriteRead(t *testing.T) {
	for name, run := range runs() {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			for range 2 { // the second time replaces the files
				if err := Write(dir, run); err != nil {
					t.Fatal(err)
				}
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			var files []string
			for _, e := range entries {
				info, err := e.Info()
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, info.Mode().String()+" "+e.Name())
			}
			if diff := cmp.Diff([]string{"-rw------- junit.xml", "-rw------- results.json"}, files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			got, err := Read(filepath.Join(dir, JSONFile))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(asJSON(t, run), `\ufffd`, "\uFFFD")
			if diff := cmp.Diff(want, asJSON(t, got)); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, passRun()); err == nil || !strings.Contains(err.Error(), "make the folder of the results") {
		t.Errorf("Write to a file = %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, JUnitFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, passRun()); err == nil || !strings.Contains(err.Error(), "write junit.xml") {
		t.Errorf("Write over a folder = %v", err)
	}
}

func TestReadErrors(t *testing.T) {
	good := asJSON(t, knownRun())
	change := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s in the run", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	tests := []struct{ name, in, want string }{
		{"no JSON", "PASS", "invalid character"},
		{"cut", good[:len(good)/2], "unexpected end"},
		{"something else", `{"a": 1}`, "no schema_version"},
		{"a newer one", change(`"schema_version": 2`, `"schema_version": 3`), "schema_version is 3 and this teardown reads 2"},
		{"an older one", change(`"schema_version": 2`, `"schema_version": 1`), "schema_version is 1 and this teardown reads 2"},
		{"a newer one with more", `{"schema_version": 3, "more": 1}`, "read it with the version that wrote it"},
		{"unknown field", change(`"wanted"`, `"wnated"`), `unknown field "wnated"`},
		{"more after it", good + "{}", "invalid character"},
		{"no verdict", change(`"verdict": "pass"`, `"verdict": "fine"`), `"fine" is no verdict`},
		{"no name", change(`"name": "TestRegisterFailure/bond/E8/bonding_masters"`, `"name": ""`), "case 1 has no name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), JSONFile)
			if err := os.WriteFile(path, []byte(tt.in), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Read = %v, want an error with %q and the path", err, tt.want)
			}
		})
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of no file = %v", err)
	}
}

func TestAccount(t *testing.T) {
	issues, err := verdict.LoadKnown([]byte(bridgeIssue))
	if err != nil {
		t.Fatal(err)
	}
	r := runs()["known"]
	want := []KnownMet{{ID: "bridge-fdb-local",
		Cases: []string{"TestRegisterFailure/bridge/E9/fail-nth", "TestRegisterFailure/bridge/late/fail-nth"}}}
	if diff := cmp.Diff(want, r.Known, cmpopts.IgnoreFields(KnownMet{}, "Title", "Reason", "Link")); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	if len(r.Fixed) != 0 {
		t.Errorf("fixed = %v although it was met", r.Fixed)
	}
	r = runs()["pass"]
	r.Account(issues) // again: it replaces what was there
	if len(r.Known) != 0 || len(r.Fixed) != 1 {
		t.Errorf("known %v and fixed %v, want one fixed", r.Known, r.Fixed)
	}
}

func TestColumn(t *testing.T) {
	for exit, want := range map[string]string{
		"E0": "E0", "E4b": "E4", "E8a": "E8", "E9": "E9", "late": "late", "E-1": "E-1", "-": "other",
		"": "other", "E": "other", "E10": "other", "other": "other",
	} {
		if got := column(exit); got != want {
			t.Errorf("column(%q) = %q, want %q", exit, got, want)
		}
	}
}

func TestCell(t *testing.T) {
	tests := []struct {
		in   cell
		want string
	}{
		{nil, "·"},
		{cell{verdict.Pass: 1}, "pass"},
		{cell{verdict.Pass: 3}, "3 pass"},
		{cell{verdict.Fail: 1}, "FAIL"},
		{cell{verdict.Fail: 1, verdict.Pass: 2}, "1/3 FAIL"},
		{cell{verdict.Unknown: 1, verdict.Known: 1}, "1/2 unknown"},
		{cell{verdict.Pass: 2, verdict.Skip: 1}, "2/3 pass"},
	}
	for _, tt := range tests {
		if got := tt.in.String(); got != tt.want {
			t.Errorf("%v = %q, want %q", map[verdict.Verdict]int(tt.in), got, tt.want)
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain\nlines", "plain\nlines"},
		{"\x1b[1;31mred\x1b[0m", "red"},
		{"\x1b]0;title\x07text", "text"},
		{"\x1b]8;;http://x\x1b\\link", "link"},
		{"\x1bPdcs\x1b\\x", "x"},
		{"\x1bcreset", "reset"},
		{"half \x1b[", "half "},
		{"\x1b", "\uFFFD"},
		{"a\tb\r\nc\rd", "a    b\nc\uFFFDd"},
		{"nul\x00 bad\xff csi\u009b2J bidi\u202e", "nul\uFFFD bad\uFFFD csi\uFFFD2J bidi\uFFFD"},
		{"no\u00a0break", "no break"},
	}
	for _, tt := range tests {
		if got := clean(tt.in); got != tt.want {
			t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// TestTerminalStyle opens a terminal of its own.
func TestTerminalStyle(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal to be had: %v", err)
	}
	defer terminal.Close()
	tests := []struct {
		name          string
		f             *os.File
		noColor, term string
		want          bool
	}{
		{"terminal", terminal, "", "xterm", true},
		{"terminal, NO_COLOR", terminal, "1", "xterm", false},
		{"dumb terminal", terminal, "", "dumb", false},
		{"file", file, "", "xterm", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.noColor)
			t.Setenv("TERM", tt.term)
			got := TerminalStyle(tt.f, "out/results.json")
			if want := (Style{Color: tt.want, Width: defaultWidth, File: "out/results.json"}); got != want {
				t.Errorf("TerminalStyle = %+v, want %+v", got, want)
			}
		})
	}
}

// FuzzRead reads any bytes and, where they are a run, writes them in every way.
func FuzzRead(f *testing.F) {
	for _, run := range runs() {
		data, err := encode(run)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"schema_version":2,"cases":[{"name":"a","verdict":"unknown","injections":2,"reached":{"E8":1,"\u001b":-1},"sites":[{"alloc":"\u001b[2J","injections":"1-99999999999,x","count":-1}],"evidence":[{"injection":1}]}],"boots":[{"controls":[{"oracle":"\u001b[2J","absent":true,"detail":"\u0000"}]}]}`))
	f.Add([]byte(`{"schema_version":2,"cases":[{"name":"\u001b[2J","verdict":"fail","evidence":[{"detail":"]]>"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		run, err := decode(data)
		if err != nil {
			return
		}
		first, err := encode(run)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(first)
		if err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		second, err := encode(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("written twice it differs (%v):\n%s\n%s", err, first, second)
		}
		writesSafely(t, run)
	})
}

// writesSafely fails when a form of the run for people steers what shows it.
func writesSafely(t *testing.T, run *Run) {
	t.Helper()
	var text, md, xml bytes.Buffer
	suites := junitReport(run)
	both := []*Run{run, {Cases: []verdict.Case{{Name: "a", Verdict: verdict.Pass}}}}
	for _, err := range []error{Text(&text, run, Style{}), Sites(&text, run, Style{}), Summary(&text, both, Style{}),
		Matrix(&text, both, Style{}), Markdown(&md, run), Markdown(&md, both...), suites.WriteXML(&xml)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, out := range map[string]string{"text": text.String(), "Markdown": md.String(), "JUnit": xml.String()} {
		for _, r := range out {
			if unicode.IsControl(r) && r != '\n' && (name != "JUnit" || r != '\t') {
				t.Fatalf("%s has the control character %U:\n%q", name, r, out)
			}
		}
	}
}

func asJSON(t *testing.T, run *Run) string {
	t.Helper()
	data, err := encode(run)
	if err != nil {
		t.Fatal(err)
	}
	var check any
	if err := json.Unmarshal(data, &check); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestFixedNeedsItsOracle: where the oracle of an issue could not see, that the
// issue was not met means nothing.
func TestFixedNeedsItsOracle(t *testing.T) {
	issues, err := verdict.LoadKnown([]byte(bridgeIssue))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		controls []wire.ControlOutcome
		want     int
	}{
		{"seen", []wire.ControlOutcome{{Oracle: verdict.Kmemleak, Saw: true}}, 1},
		{"nothing is planted", nil, 1},
		{"absent", []wire.ControlOutcome{{Oracle: verdict.Kmemleak, Absent: true}}, 0},
		{"missed", []wire.ControlOutcome{{Oracle: verdict.Kmemleak}}, 0},
		{"seen once and missed once", []wire.ControlOutcome{{Oracle: verdict.Kmemleak, Saw: true}, {Oracle: verdict.Kmemleak}}, 0},
		{"absent once and seen once", []wire.ControlOutcome{{Oracle: verdict.Kmemleak, Absent: true}, {Oracle: verdict.Kmemleak, Saw: true}}, 0},
		{"another is absent", []wire.ControlOutcome{{Oracle: verdict.Account, Absent: true}}, 1},
	} {
		r := passRun()
		r.Boots[0].Controls = tt.controls
		r.Account(issues)
		if len(r.Fixed) != tt.want {
			t.Errorf("%s: fixed %v", tt.name, r.Fixed)
		}
	}
}

func TestCoverage(t *testing.T) {
	sweep := verdict.Case{Name: "a", Kind: "bond", Injections: 40, Reached: map[string]int{"E8": 12, "E9": 3}}
	name := verdict.Case{Name: "b", Kind: "bond", Reached: map[string]int{"E8": 1, "late": 2, "E4b": 1}}
	garbage := verdict.Case{Name: "c", Kind: "bond", Reached: map[string]int{"E8": -1, "E88": 1, "E2": 0}}
	run := &Run{Cases: []verdict.Case{sweep, name, name, garbage, {Kind: "veth", Reached: map[string]int{"E8a": 1, "E8b": 1}}}}
	got := run.coverage()
	want := []Hit{
		{"bond", "E4b", 1, 0}, {"bond", "E8", 2, 12}, {"bond", "E9", 1, 3}, {"bond", "late", 1, 0}, {"bond", "other", 1, 0},
		{"veth", "E8", 1, 0}, {"veth", "E8b", 1, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"E-1", "E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7"}, unreached(got)); diff != "" {
		t.Errorf("unreached (-want +got):\n%s", diff)
	}
	other := &Run{Cases: []verdict.Case{{Kind: "bond", Reached: map[string]int{"E2": 1, "E5": 1}}}}
	if got, want := unreachedNote([]*Run{run, other}), "Nothing reached E-1 E0 E1 E3 E4 E6 E7."; got != want {
		t.Errorf("both: %s, want %s", got, want)
	}
	if got, want := unreachedNote([]*Run{{}}), "No case was seen to leave register_netdevice()."; got != want {
		t.Errorf("nothing: %s, want %s", got, want)
	}
}

func TestLabels(t *testing.T) {
	runs := []*Run{
		{Kernel: Kernel{Line: "6.12", Release: "6.12.1", Profile: "leak"}},
		{Kernel: Kernel{Line: "6.12", Release: "6.12.1", Profile: "san"}},
		{Kernel: Kernel{Line: "6.12", Release: "6.12.1", Profile: "san"}},
		{Kernel: Kernel{Release: "6.12.1-mine"}}, {},
	}
	want := []string{"6.12 leak", "6.12 san", "6.12 san #2", "6.12.1-mine", "no kernel"}
	if diff := cmp.Diff(want, labels(runs)); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// TestFates: a case that ran more than once is as bad as its worst end.
func TestFates(t *testing.T) {
	end := func(v verdict.Verdict) verdict.Case { return verdict.Case{Name: "TestX/a", Verdict: v} }
	for _, tt := range []struct {
		ends []verdict.Case
		want verdict.Verdict
	}{
		{[]verdict.Case{end(verdict.Pass), end(verdict.Fail)}, verdict.Fail},
		{[]verdict.Case{end(verdict.Unknown), end(verdict.Known)}, verdict.Unknown},
		{[]verdict.Case{end(verdict.Pass), end("fine")}, verdict.Unknown},
	} {
		all := fates([]*Run{{}, {Cases: tt.ends}})
		if len(all) != 1 || all[0].ends[0] != nil || all[0].worst() != tt.want || !all[0].bad() {
			t.Errorf("%v: %+v is %s, want %s", tt.ends, all, all[0].worst(), tt.want)
		}
	}
}
