package klog

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "rewrite the expectations beside testdata/*.log")

// expectation is what testdata/NAME.json holds: what Scan, Injections and
// LastWords make of NAME.log.
type expectation struct {
	Reports    []expectedReport    `json:"reports"`
	Injections []expectedInjection `json:"injections,omitempty"`
	LastWords  []string            `json:"last_words,omitempty"`
}

type expectedReport struct {
	ID     string   `json:"id"`
	Kind   Kind     `json:"kind"`
	Title  string   `json:"title"`
	Frames []string `json:"frames,omitempty"`
	Case   string   `json:"case,omitempty"`
	Fatal  bool     `json:"fatal,omitempty"`
	First  string   `json:"first"`
	Last   string   `json:"last"`
	Lines  int      `json:"lines"`
}

type expectedInjection struct {
	Name  string   `json:"name"`
	Errno int      `json:"errno,omitempty"`
	Comm  string   `json:"comm,omitempty"`
	PID   int      `json:"pid,omitempty"`
	Site  []string `json:"site,omitempty"`
}

func expect(log []byte, allow []string) expectation {
	records := ParseConsole(log)
	e := expectation{Reports: []expectedReport{}}
	fatal := false
	for _, r := range Scan(records, allow...) {
		lines := strings.Split(r.Text, "\n")
		fatal = fatal || r.Fatal
		e.Reports = append(e.Reports, expectedReport{
			ID: r.ID, Kind: r.Kind, Title: r.Title, Frames: r.Frames, Case: r.Case, Fatal: r.Fatal,
			First: lines[0], Last: lines[len(lines)-1], Lines: len(lines),
		})
	}
	for _, i := range Injections(records) {
		e.Injections = append(e.Injections, expectedInjection{Name: i.Name, Errno: i.Errno, Comm: i.Comm, PID: i.PID, Site: i.Site(4)})
	}
	if fatal {
		words := LastWords(Lines(records))
		e.LastWords = []string{words[0], words[len(words)-1]}
	}
	return e
}

// readGolden returns a log and the triggers that its "# allow" line names.
func readGolden(t testing.TB, path string) (log []byte, allow []string) {
	t.Helper()
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	logOrigin(t, path, log)
	for l := range bytes.Lines(log) {
		if a, ok := bytes.CutPrefix(l, []byte("# allow ")); ok {
			allow = append(allow, strings.Fields(string(a))...)
		}
	}
	return log, allow
}

func goldenLogs(t testing.TB) []string {
	t.Helper()
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatalf("no golden logs: %v", err)
	}
	return logs
}

func TestGolden(t *testing.T) {
	for _, path := range goldenLogs(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".log"), func(t *testing.T) {
			log, allow := readGolden(t, path)
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(expect(log, allow)); err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".log")+".json", b.String())
		})
	}
}

// TestTitlesAreStable reads each log a second time with other addresses,
// other numbers of devices and other counters.
func TestTitlesAreStable(t *testing.T) {
	other := strings.NewReplacer("dummy0", "dummy17", "veth0", "veth3", "PID: 1", "PID: 4", "ffff8880", "ffff9991", "0000000012345678", "00000000fedcba98", "Usage count = 2", "Usage count = 5")
	for _, path := range goldenLogs(t) {
		log, allow := readGolden(t, path)
		a, b := Scan(ParseConsole(log), allow...), Scan(ParseConsole([]byte(other.Replace(string(log)))), allow...)
		var at, bt []string
		for _, r := range a {
			at = append(at, r.Title)
		}
		for _, r := range b {
			bt = append(bt, r.Title)
		}
		if d := cmp.Diff(at, bt); d != "" {
			t.Errorf("%s: titles changed:\n%s", path, d)
		}
	}
}

func TestSignatureTable(t *testing.T) {
	for _, s := range Signatures() {
		switch {
		case s.ID == "" || s.Has == "" || s.Title == "" || s.Source == "" || s.Lines == "" || s.Regexp == nil:
			t.Errorf("%+v: a field is empty", s)
		case s.Kind == Noise && s.Allow == "" || s.Kind == Fail && s.Allow != "":
			t.Errorf("%s: Allow %q does not fit kind %s", s.ID, s.Allow, s.Kind)
		case s.Kind != Fail && s.Kind != Blind && s.Kind != Noise:
			t.Errorf("%s: kind %q", s.ID, s.Kind)
		case s.Regexp.NumSubexp() > 9:
			t.Errorf("%s: more than 9 groups", s.ID)
		}
	}
}

func TestParseRecord(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Record
		err  string
	}{
		{in: "6,339,5140900,-;NET: Registered protocol family 10\n", want: Record{Seq: 339, Level: 6, Time: 5140900 * time.Microsecond, Text: "NET: Registered protocol family 10"}},
		{in: "30,340,5690716,-;udevd[80]: starting version 181\n", want: Record{Seq: 340, Level: 6, Facility: 3, Time: 5690716 * time.Microsecond, Text: "udevd[80]: starting version 181"}},
		{in: "7,160,424069,-;pci_root PNP0A03:00: host bridge window [io  0x0000-0x0cf7] (ignored)\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n",
			want: Record{Seq: 160, Level: 7, Time: 424069 * time.Microsecond, Text: "pci_root PNP0A03:00: host bridge window [io  0x0000-0x0cf7] (ignored)"}},
		{in: "5,12,1,c,caller=T77,later=field; and the rest\n", want: Record{Seq: 12, Level: 5, Time: time.Microsecond, Caller: "T77", Cont: true, Text: " and the rest"}},
		{in: `5,1,2,-;FAULT_INJECTION: forcing a failure.\x0aname failslab, interval 1` + "\n", want: Record{Seq: 1, Level: 5, Time: 2 * time.Microsecond, Text: "FAULT_INJECTION: forcing a failure.\nname failslab, interval 1"}},
		{in: `5,1,2,-;a\x5cb \xzz \x1b[2J end\x` + "\n", want: Record{Seq: 1, Level: 5, Time: 2 * time.Microsecond, Text: `a\b \xzz ?[2J end\x`}},
		{in: "6,1,2,-;", want: Record{Seq: 1, Level: 6, Time: 2 * time.Microsecond}},
		{in: "6,1,2,-", err: "no ';'"},
		{in: "6,1,2;text", err: "3 fields"},
		{in: "x,1,2,-;text", err: "invalid syntax"},
		{in: "6,18446744073709551616,2,-;text", err: "value out of range"},
		{in: "", err: "no ';'"},
	} {
		got, err := ParseRecord([]byte(tt.in))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ParseRecord(%q) = %v, want an error with %q", tt.in, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("ParseRecord(%q): %v", tt.in, err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("ParseRecord(%q) (-want +got):\n%s", tt.in, d)
		}
	}
}

func TestParseConsole(t *testing.T) {
	text := "SeaBIOS (version 1.16)\r\n" +
		"[    0.000000] Linux version 6.12\r\n" +
		"[    1.234567][    T12] BUG: bad\r\n" +
		"<4>[   12.000001][    C0] warned\n" +
		"login: [  123.000000] half a line before\n" +
		"[   13.5] not a time stamp\n" +
		"\n" +
		"[99999.999999] \x1b[31mred\x1b[0m\n" +
		"[    2.000000]"
	want := []Record{
		{Seq: 1, Level: -1, Text: "Linux version 6.12"},
		{Seq: 2, Level: -1, Time: 1234567 * time.Microsecond, Caller: "T12", Text: "BUG: bad"},
		{Seq: 3, Level: 4, Time: 12000001 * time.Microsecond, Caller: "C0", Text: "warned"},
		{Seq: 4, Level: -1, Time: 123 * time.Second, Text: "half a line before"},
		{Seq: 7, Level: -1, Time: 99999999999 * time.Microsecond, Text: "?[31mred?[0m"},
		{Seq: 8, Level: -1, Time: 2 * time.Second},
	}
	if d := cmp.Diff(want, ParseConsole([]byte(text))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestLines(t *testing.T) {
	got := Lines([]Record{
		{Text: "sysctl duplicate entry: ", Caller: "T1"},
		{Text: "/net/ipv4/conf/x", Cont: true, Caller: "T1"},
		{Text: "two\nlines"},
		{Text: "of another task", Cont: true, Caller: "T2"},
	})
	want := []string{"sysctl duplicate entry: /net/ipv4/conf/x", "two", "lines", "of another task"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// fakeKmsg answers reads from a list of records and errors.
func fakeKmsg(answers ...any) *Reader {
	read := func(b []byte) (int, error) {
		if len(answers) == 0 {
			return 0, unix.EAGAIN
		}
		a := answers[0]
		answers = answers[1:]
		switch a := a.(type) {
		case error:
			return 0, a
		case string:
			return copy(b, a), nil
		}
		panic("unexpected answer")
	}
	return newReader(read, func() error { return nil })
}

func TestDrain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []any
		want    []uint64
		lost    uint64
		isLost  bool
		err     string
	}{
		{name: "nothing there"},
		{name: "the log may begin anywhere", answers: []any{"6,7,0,-;a\n", "6,8,0,-;b\n"}, want: []uint64{7, 8}},
		{name: "a signal interrupts", answers: []any{unix.EINTR, "6,7,0,-;a\n"}, want: []uint64{7}},
		{name: "overwritten", answers: []any{"6,7,0,-;a\n", unix.EPIPE, "6,20,0,-;b\n"}, want: []uint64{7, 20}, isLost: true, lost: 12},
		{name: "a gap without EPIPE", answers: []any{"6,7,0,-;a\n", "6,9,0,-;b\n"}, want: []uint64{7, 9}, isLost: true, lost: 1},
		{name: "overwritten at the end", answers: []any{"6,7,0,-;a\n", unix.EPIPE}, want: []uint64{7}, isLost: true},
		{name: "not readable", answers: []any{"6,7,0,-;a\n", unix.EIO}, want: []uint64{7}, err: "read the kernel log: input/output error"},
		{name: "ended", answers: []any{""}, err: "unexpected end"},
		{name: "malformed", answers: []any{"what\n"}, err: "no ';'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := fakeKmsg(tt.answers...).Drain()
			var seqs []uint64
			for _, r := range got {
				seqs = append(seqs, r.Seq)
			}
			if d := cmp.Diff(tt.want, seqs); d != "" {
				t.Errorf("records (-want +got):\n%s", d)
			}
			var lost *LostError
			if errors.As(err, &lost) != tt.isLost || (lost != nil && lost.Records != tt.lost) {
				t.Errorf("err = %v, want lost %v (%d records)", err, tt.isLost, tt.lost)
			}
			if !tt.isLost && (err == nil) != (tt.err == "") || tt.err != "" && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("err = %v, want %q", err, tt.err)
			}
		})
	}
}

// TestDrainAcrossCalls: a gap between two calls of Drain is a loss as well.
func TestDrainAcrossCalls(t *testing.T) {
	r := fakeKmsg("6,1,0,-;a\n", unix.EAGAIN, "6,3,0,-;c\n")
	if _, err := r.Drain(); err != nil {
		t.Fatal(err)
	}
	var lost *LostError
	if _, err := r.Drain(); !errors.As(err, &lost) || lost.Records != 1 {
		t.Fatalf("second Drain: %v, want one record lost", err)
	}
	if _, err := r.Drain(); err != nil {
		t.Fatalf("third Drain: %v; a loss is told once", err)
	}
}

func TestParseFrame(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Frame
		ok   bool
	}{
		{in: " dump_stack_lvl+0x5d/0x80", want: Frame{Symbol: "dump_stack_lvl", Offset: "0x5d/0x80"}, ok: true},
		{in: " ? __pfx_kthread+0x10/0x10", want: Frame{Symbol: "__pfx_kthread", Offset: "0x10/0x10", Guess: true}, ok: true},
		{in: "    [<ffffffff81a2b3c4>] fdb_create+0x2b/0x160 [bridge]", want: Frame{Symbol: "fdb_create", Offset: "0x2b/0x160", Module: "bridge"}, ok: true},
		{in: "    [<00000000a1b2c3d4>] inetdev_init.constprop.0+0x1/0x2", want: Frame{Symbol: "inetdev_init.constprop.0", Offset: "0x1/0x2"}, ok: true},
		{in: " br_add_if+0x10/0x20 [bridge 0123456789abcdef0123456789abcdef01234567]", want: Frame{Symbol: "br_add_if", Offset: "0x10/0x20", Module: "bridge"}, ok: true},
		{in: "RIP: 0010:kfree+0x10/0x20"},
		{in: " 0xffffffffc0000010"},
		{in: "R10: 0000000000000000 R11: 0000000000000246"},
		{in: ""},
	} {
		got, ok := ParseFrame(tt.in)
		if ok != tt.ok || got != tt.want {
			t.Errorf("ParseFrame(%q) = %+v, %v, want %+v, %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}

func TestSites(t *testing.T) {
	var frames []Frame
	for _, s := range []string{"kmem_cache_alloc_noprof", "fdb_create", "stale", "br_fdb_add_local.isra.0", "br_device_event", "do_syscall_64"} {
		frames = append(frames, Frame{Symbol: s, Guess: s == "stale"})
	}
	if d := cmp.Diff([]string{"fdb_create", "br_fdb_add_local", "br_device_event"}, Sites(frames, 4)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"fdb_create"}, Sites(frames, 1)); d != "" {
		t.Error(d)
	}
}

func TestNormal(t *testing.T) {
	for in, want := range map[string]string{
		"/class/net/veth12": "/class/net/vethN",
		"list_del corruption, ffff88800a0b0c0d->next is LIST_POISON1 (dead000000000100)": "list_del corruption, PTR->next is LIST_POISON1 (PTR)",
		"object pointer 0x(____ptrval____) of (____ptrval____)":                          "object pointer PTR of PTR",
		"0x7f at 12":    "PTR at N",
		"dev_base_lock": "dev_base_lock",
	} {
		if got := Normal(in); got != want {
			t.Errorf("Normal(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLastWords(t *testing.T) {
	var plain []string
	for range 50 {
		plain = append(plain, "[    1.000000] all is well\r", "")
	}
	if got := LastWords(plain); len(got) != lastPlain || got[0] != "[    1.000000] all is well" {
		t.Errorf("without a fatal line: %d lines, first %q", len(got), got[0])
	}
	log := append(plain, "------------[ cut here ]------------", "[    2.000000] kernel BUG at net/core/dev.c:11454!")
	for range 200 {
		log = append(log, "[    2.000001]  more")
	}
	got := LastWords(log)
	if len(got) != lastFatal || !strings.Contains(got[0], "cut here") || !strings.Contains(got[1], "kernel BUG at") {
		t.Errorf("with a fatal line: %d lines, first %q", len(got), got[:2])
	}
	if got := LastWords(nil); len(got) != 0 {
		t.Errorf("of nothing: %q", got)
	}
}

// BenchmarkScan reads the log of some injections: a run has thousands of them.
func BenchmarkScan(b *testing.B) {
	log, err := os.ReadFile("testdata/captured-inject-6.12-leak.log")
	if err != nil {
		b.Fatal(err)
	}
	records := ParseConsole(log)
	for b.Loop() {
		Scan(records, FaultInjection)
		Injections(records)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte("6,339,5140900,-,caller=T1;NET: Registered\n SUBSYSTEM=acpi\n"))
	f.Add([]byte(`5,1,2,c;a\x0ab\x`))
	for _, path := range kmsgLogs(f) {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, record := range splitRecords(b) {
			f.Add(record)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x00\x1b") {
				t.Errorf("error holds control characters: %q", err)
			}
			return
		}
		if len(r.Text) > 4*maxText || r.Time < 0 || r.Level < 0 || r.Level > 7 {
			t.Errorf("out of bounds: %+v", r)
		}
	})
}

func FuzzConsole(f *testing.F) {
	f.Add([]byte("[    1.234567][    T12] BUG: bad\r\n<4>[    1.5] x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range ParseConsole(b) {
			if strings.ContainsAny(r.Text, "\n\r\x1b") || r.Time < 0 {
				t.Errorf("unclean record %+v", r)
			}
		}
	})
}

func FuzzScan(f *testing.F) {
	for _, path := range goldenLogs(f) {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		records := ParseConsole(b)
		for _, r := range Scan(records) {
			if r.Title == "" || strings.Contains(r.Title, "\n") || len(r.Frames) > maxFrames || strings.Count(r.Text, "\n") >= maxLines {
				t.Errorf("unsound report %+v", r)
			}
		}
		for _, i := range Injections(records) {
			i.Site(4)
		}
		LastWords(Lines(records))
	})
}
