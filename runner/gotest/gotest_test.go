package gotest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "run testdata/sample again and write its output to testdata")

// modes are the modes of -test.v and the file with the sample's output in each.
var modes = []struct {
	mode Mode
	flag string
}{{Quiet, "false"}, {Verbose, "true"}, {JSON, "test2json"}}

func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		if err := runSample(); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// runSample writes what the sample prints in each mode.
func runSample() error {
	dir, err := os.MkdirTemp("", "sample")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "sample.test")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Dir = "testdata/sample"
	if out, err := build.CombinedOutput(); err != nil {
		os.Stderr.Write(out)
		return err
	}
	for _, m := range modes {
		out, _ := exec.Command(binary, "-test.v="+m.flag).CombinedOutput() // one of its tests fails
		out = regexp.MustCompile(`\(\d+\.\d\ds\)`).ReplaceAll(out, []byte("(0.00s)"))
		if err := os.WriteFile(sampleFile(m.flag), out, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func sampleFile(mode string) string { return filepath.Join("testdata", "sample."+mode) }

func sample(t testing.TB, mode string) []byte {
	t.Helper()
	b, err := os.ReadFile(sampleFile(mode))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// parse returns the events of a stream.
func parse(stream string) (events []Event) {
	p := NewParser(func(e Event) { events = append(events, e) })
	p.Write([]byte(stream))
	p.Close()
	return events
}

// print returns what a printer makes of events.
func print(mode Mode, events []Event) string {
	var out bytes.Buffer
	p := NewPrinter(&out, mode)
	for _, e := range events {
		p.Event(e)
	}
	return out.String()
}

// TestPrinterPrintsAsLocal shows the point of the package: what a guest prints
// framed comes out as the same binary prints it in the mode that was asked for.
func TestPrinterPrintsAsLocal(t *testing.T) {
	events := parse(string(sample(t, "test2json")))
	for _, m := range modes {
		t.Run(m.flag, func(t *testing.T) {
			got := print(m.mode, events) + FinalLine(m.mode, false)
			want := string(sample(t, m.flag))
			if m.mode == JSON {
				// NAME lines may differ: compare what go test -json makes of them.
				if diff := cmp.Diff(convert(t, want), convert(t, got)); diff != "" {
					t.Errorf("go tool test2json of local (-) and printed (+) output:\n%s", diff)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("local (-), printed (+):\n%s", diff)
			}
		})
	}
}

// jsonEvent is an event of go test -json.
type jsonEvent struct {
	Action, Test, Output string
}

// convert pipes framed output through the toolchain's converter.
func convert(t testing.TB, framed string) (events []jsonEvent) {
	t.Helper()
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = strings.NewReader(framed)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go tool test2json: %v", err)
	}
	for line := range bytes.Lines(out) {
		var e jsonEvent
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("go tool test2json printed %q: %v", line, err)
		}
		events = append(events, e)
	}
	return events
}

func TestParser(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	tests := []struct {
		name, stream string
		want         []Event
	}{
		{"a test", "\x16=== RUN   TestA\n    log\n\x16--- PASS: TestA (1.25s)\n\x16=== NAME  \n\x16PASS\n", []Event{
			{Action: Run, Test: "TestA"},
			{Action: Output, Test: "TestA", Output: "    log\n"},
			{Action: Pass, Test: "TestA", Elapsed: 1.25},
			{Action: Final, Output: "PASS\n"},
		}},
		{"pauses", "\x16=== PAUSE TestA/b\n\x16=== CONT  TestA/b\n", []Event{
			{Action: Pause, Test: "TestA/b"}, {Action: Cont, Test: "TestA/b"},
		}},
		{"a report after an unfinished line", "\x16=== RUN   TestA\nmid\x16--- SKIP: TestA (0.00s)\n", []Event{
			{Action: Run, Test: "TestA"},
			{Action: Output, Test: "TestA", Output: "mid"},
			{Action: Skip, Test: "TestA"},
		}},
		{"an indented report", "\x16    --- FAIL: TestA/b (0.10s)\n", []Event{{Action: Fail, Test: "TestA/b", Elapsed: 0.1}}},
		{"a name changes whose the output is", "\x16=== NAME  TestB\nout\n\x16=== NAME  \nown\n", []Event{
			{Action: Output, Test: "TestB", Output: "out\n"}, {Action: Output, Output: "own\n"},
		}},
		{"a name that lost its spaces", "\x16=== NAME  TestB\n\x16=== NAME\nown\n", []Event{{Action: Output, Output: "own\n"}}},
		{"an attribute", "\x16=== ATTR  TestA colour red green\n", []Event{
			{Action: Attr, Test: "TestA", Output: "=== ATTR  TestA colour red green\n"},
		}},
		{"framing without its marker is output", "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n", []Event{
			{Action: Output, Output: "=== RUN   TestA\n"},
			{Action: Output, Output: "--- PASS: TestA (0.00s)\n"},
			{Action: Output, Output: "PASS\n"},
		}},
		{"a marker without framing", "\x16\x16boo\n\x16=== RUN\n\x16=== WALK  TestA\n\x16--- PASS: TestA\n\x16--- PASS: TestA (NaNs)\n", []Event{
			{Action: Output, Output: "boo\n"},
			{Action: Output, Output: "=== RUN\n"},
			{Action: Output, Output: "=== WALK  TestA\n"},
			{Action: Output, Output: "--- PASS: TestA\n"},
			{Action: Output, Output: "--- PASS: TestA (NaNs)\n"},
		}},
		{"a name that package testing would not make", "\x16=== RUN   Test A\n\x16=== RUN   Test\x07\n", []Event{
			{Action: Output, Output: "=== RUN   Test A\n"}, {Action: Output, Output: "=== RUN   Test\x07\n"},
		}},
		{"the end in the middle of a line", "\x16=== RUN   TestA\npanic: oo", []Event{
			{Action: Run, Test: "TestA"}, {Action: Output, Test: "TestA", Output: "panic: oo"},
		}},
		{"the end in the middle of a framing line", "\x16=== RUN   TestA\n\x16--- PASS: Tes", []Event{
			{Action: Run, Test: "TestA"}, {Action: Output, Test: "TestA", Output: "--- PASS: Tes"},
		}},
		{"carriage returns", "\x16=== RUN   TestA\r\n\x16--- PASS: TestA (0.00s)\r\n", []Event{
			{Action: Run, Test: "TestA"}, {Action: Pass, Test: "TestA"},
		}},
		{"a line that is too long", long[1:] + "é" + "!\n", []Event{ // the rune stays whole
			{Action: Output, Output: long[1:]}, {Action: Output, Output: "é!\n"},
		}},
		{"a framing line that is too long", "\x16=== RUN   " + long[:maxFrame] + "\n", []Event{
			{Action: Output, Output: "=== RUN   " + long[:maxFrame] + "\n"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parse(test.stream)); diff != "" {
				t.Errorf("events: want (-), got (+):\n%s", diff)
			}
			// However the bytes arrive.
			var bytewise []Event
			p := NewParser(func(e Event) { bytewise = append(bytewise, e) })
			for i := range len(test.stream) {
				p.Write([]byte{test.stream[i]})
			}
			p.Close()
			if diff := cmp.Diff(test.want, bytewise); diff != "" {
				t.Errorf("events of single bytes: want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestParserNeedsLittleMemory(t *testing.T) {
	outputs := 0
	p := NewParser(func(e Event) { outputs += len(e.Output) })
	flood := bytes.Repeat([]byte("flood "), 1<<12)
	const times = 1 << 10
	for range times {
		p.Write(flood)
	}
	if cap(p.line) > 4*MaxLine {
		t.Errorf("holds %d bytes of a line that does not end", cap(p.line))
	}
	p.Close()
	if want := times * len(flood); outputs != want {
		t.Errorf("passed %d bytes of output on, want %d", outputs, want)
	}
}

func FuzzParser(f *testing.F) {
	for _, m := range modes {
		f.Add(sample(f, m.flag))
	}
	f.Add([]byte("\x16=== NAME  \n\x16"))
	f.Add([]byte("\x16--- PASS: T (1e309s)\n\x16\x16\xff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		for _, e := range parse(string(stream)) {
			switch {
			case e.Action == Output && (e.Output == "" || len(e.Output) > MaxLine):
				t.Errorf("output of %d bytes", len(e.Output))
			case e.Action != Output && e.Action != Final && !validName(e.Test):
				t.Errorf("%s of %q", e.Action, e.Test)
			case strings.ContainsRune(e.Output, marker):
				t.Errorf("%q holds a marker", e.Output)
			case !(e.Elapsed >= 0):
				t.Errorf("elapsed %v", e.Elapsed)
			}
		}
	})
}

func TestPrinterQuietBounds(t *testing.T) {
	events := []Event{{Action: Run, Test: "TestA"}}
	for range 100 {
		events = append(events, Event{Action: Output, Test: "TestA", Output: indent + strings.Repeat("x", 32<<10) + "\n"})
	}
	events = append(events, Event{Action: Fail, Test: "TestA"})
	out := print(Quiet, events)
	if len(out) > maxBuffer+1000 || !strings.Contains(out, "more bytes of output were dropped") {
		t.Errorf("printed %d bytes, ending in %q", len(out), out[len(out)-100:])
	}
}

func TestPrinterNamesInterleavedTests(t *testing.T) {
	events := []Event{
		{Action: Run, Test: "TestA"}, {Action: Run, Test: "TestA/1"}, {Action: Run, Test: "TestA/2"},
		{Action: Output, Test: "TestA/1", Output: "    one\n"},
		{Action: Output, Test: "TestA/2", Output: "two with no end"},
		{Action: Output, Test: "TestA/1", Output: "    one again\n"},
		{Action: Pass, Test: "TestA/2"}, {Action: Fail, Test: "TestA/1", Elapsed: 1}, {Action: Fail, Test: "TestA"},
	}
	want := map[Mode]string{
		Verbose: `=== RUN   TestA
=== RUN   TestA/1
=== RUN   TestA/2
=== NAME  TestA/1
    one
=== NAME  TestA/2
two with no end
=== NAME  TestA/1
    one again
--- FAIL: TestA (0.00s)
    --- PASS: TestA/2 (0.00s)
    --- FAIL: TestA/1 (1.00s)
`,
		Quiet: `two with no end
--- FAIL: TestA (0.00s)
    --- FAIL: TestA/1 (1.00s)
        one
        one again
`,
	}
	for mode, want := range want {
		if diff := cmp.Diff(want, print(mode, events)); diff != "" {
			t.Errorf("mode %d: want (-), got (+):\n%s", mode, diff)
		}
	}
	for _, e := range convert(t, print(JSON, events)) {
		if e.Action == "output" && strings.Contains(e.Output, "two") && e.Test != "TestA/2" {
			t.Errorf("test2json takes %q for the output of %q", e.Output, e.Test)
		}
	}
}

func TestParseMode(t *testing.T) {
	for _, m := range modes {
		if got, err := ParseMode(m.flag); got != m.mode || err != nil {
			t.Errorf("ParseMode(%q) = %v, %v", m.flag, got, err)
		}
	}
	if _, err := ParseMode("loud"); err == nil || err.Error() != `invalid value "loud" for -test.v` {
		t.Errorf("ParseMode(loud): %v", err)
	}
}
