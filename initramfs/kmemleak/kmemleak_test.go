package kmemleak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "rewrite the expectations beside testdata/*.txt")

// expected is what testdata/NAME.json holds of one leak of NAME.txt.
type expected struct {
	Title string
	Leak  Leak
}

// readReport returns a golden report without the line that tells its origin.
func readReport(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := bytes.Cut(b, []byte{'\n'})
	if !bytes.HasPrefix(first, []byte("# written from ")) && !bytes.HasPrefix(first, []byte("# captured")) {
		t.Fatalf("%s: first line is %q, want its origin", path, first)
	}
	return rest
}

func goldenReports(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden reports: %v", err)
	}
	return paths
}

func TestGolden(t *testing.T) {
	for _, path := range goldenReports(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			leaks, err := Parse(bytes.NewReader(readReport(t, path)))
			if err != nil {
				t.Fatal(err)
			}
			var got []expected
			for _, l := range leaks {
				got = append(got, expected{l.Title(), l})
			}
			golden := strings.TrimSuffix(path, ".txt") + ".json"
			if *update {
				var b bytes.Buffer
				enc := json.NewEncoder(&b)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				if err := enc.Encode(got); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			b, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v (go test -update writes it)", err)
			}
			var want []expected
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

const oneLeak = `unreferenced object 0xffff888003a1c000 (size 64):
  comm "teardown", pid 1, jiffies 4294901234
  hex dump (first 32 bytes):
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
    6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b a5  kkkkkkkkkkkkkkk.
  backtrace (crc ffeeddcc):
    fdb_create+0x2b/0x160
`

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		name, in, err string
	}{
		{name: "empty", in: ""},
		{name: "sound", in: oneLeak},
		{name: "something before", in: "hello\n" + oneLeak, err: `line 1: "hello" is not "unreferenced object`},
		{name: "blank line", in: oneLeak + "\n" + oneLeak, err: "line 8: "},
		{name: "no task line", in: strings.Replace(oneLeak, "  comm", "comm", 1), err: "line 2: "},
		{name: "no hex dump", in: strings.Replace(oneLeak, "hex dump", "dump", 1), err: "line 3: "},
		{name: "hex dump of three rows", in: strings.Replace(oneLeak, "  backtrace", "    00 00  ..\n  backtrace", 1), err: "line 6: "},
		{name: "no backtrace", in: strings.Replace(oneLeak, "backtrace", "stack", 1), err: "line 6: "},
		{name: "cut after the head", in: oneLeak[:strings.Index(oneLeak, "  comm")], err: "ends after line 1"},
		{name: "cut before the backtrace", in: oneLeak[:strings.Index(oneLeak, "  backtrace")], err: "ends after line 5"},
		{name: "jiffies too large", in: strings.Replace(oneLeak, "4294901234", "42949012344294901234429490", 1), err: "value out of range"},
		{name: "address too long", in: strings.Replace(oneLeak, "0xffff", "0xfffffffff", 1), err: "line 1: "},
		{name: "endless backtrace", in: oneLeak + strings.Repeat("    f+0x1/0x2\n", maxTrace), err: "more than 64 frames"},
		{name: "endless line", in: oneLeak + strings.Repeat("x", maxLine), err: "longer than 4096 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(tt.in))
			if tt.err == "" {
				if err != nil {
					t.Errorf("unexpected error: %v", err)
				}
			} else if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("err = %v, want one with %q", err, tt.err)
			}
		})
	}
}

func TestTitle(t *testing.T) {
	for _, tt := range []struct {
		trace []string
		want  string
	}{
		{trace: []string{"kmem_cache_alloc_noprof+0x1/0x2", "fdb_create+0x2b/0x160 [bridge]", "br_fdb_add_local.isra.0+0x1/0x2 [bridge]", "br_device_event+0x1/0x2 [bridge]", "notifier_call_chain+0x1/0x2", "register_netdevice+0x1/0x2"},
			want: "leak: fdb_create < br_fdb_add_local < br_device_event < notifier_call_chain"},
		{trace: []string{"__kmalloc_node_track_caller_noprof+0x1/0x2", "kvasprintf+0x1/0x2", "kobject_set_name_vargs+0x1/0x2", "do_syscall_64+0x1/0x2"}, want: "leak: kobject_set_name_vargs"},
		{trace: []string{"0xffffffffc0001234"}, want: "leak: no backtrace"},
		{trace: []string{"__kmalloc+0x1/0x2", "kstrdup+0x1/0x2"}, want: "leak: __kmalloc < kstrdup"},
		{want: "leak: no backtrace"},
	} {
		if got := (Leak{Backtrace: tt.trace}).Title(); got != tt.want {
			t.Errorf("Title of %q = %q, want %q", tt.trace, got, tt.want)
		}
	}
}

// kernel plays mm/kmemleak.c behind a FIFO-free file: a regular file whose
// content the test's clock and the commands decide would race with the
// Detector, so it is rewritten whenever a scan is due.
type kernel struct {
	t     *testing.T
	path  string
	now   time.Time
	slept []time.Duration
	scans []time.Time
	// reports is what the n-th scan leaves in the file; the last one stays.
	reports []string
}

func newKernel(t *testing.T, reports ...string) (*kernel, *Detector) {
	k := &kernel{t: t, path: filepath.Join(t.TempDir(), "kmemleak"), now: time.Unix(1000, 0), reports: reports}
	k.set("")
	d := New(k.path)
	d.param = filepath.Join(t.TempDir(), "min_unref_scans")
	return k, d
}

func (k *kernel) set(text string) {
	if err := os.WriteFile(k.path, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// clock counts a scan each time scanAt() asks for the time before and after
// it: a regular file takes "scan" as text, which is then replaced.
func (k *kernel) clock() Clock {
	return Clock{
		Now: func() time.Time {
			b, err := os.ReadFile(k.path)
			if err != nil {
				k.t.Fatal(err)
			}
			if bytes.HasPrefix(b, []byte("scan")) {
				k.scans = append(k.scans, k.now)
				k.now = k.now.Add(200 * time.Millisecond)
				n := min(len(k.scans), len(k.reports)) - 1
				k.set(k.reports[n])
			}
			return k.now
		},
		Sleep: func(ctx context.Context, d time.Duration) error {
			k.slept = append(k.slept, d)
			k.now = k.now.Add(d)
			return ctx.Err()
		},
	}
}

func leakAt(address uint64) string {
	return strings.Replace(oneLeak, "0xffff888003a1c000", fmt.Sprintf("0x%016x", address), 1)
}

// TestCollect runs the procedure against a regular file. Collect ends by
// Enabled, which a regular file cannot answer as debugfs does, so the
// test expects that one error where all before it went well.
func TestCollect(t *testing.T) {
	a, b := leakAt(0xa000), leakAt(0xb000)
	for _, tt := range []struct {
		name    string
		since   time.Duration // between the last allocation and Collect
		param   string
		reports []string
		scans   []time.Duration // after the last allocation
		want    []uint64
		err     error
	}{
		{name: "nothing leaked", reports: []string{""}, scans: []time.Duration{MinAge - firstScan, MinAge}},
		{name: "long ago", since: time.Minute, reports: []string{""}, scans: []time.Duration{time.Minute, time.Minute + 200*time.Millisecond}},
		{name: "min_unref_scans", param: "2\n", reports: []string{""}, scans: []time.Duration{MinAge - firstScan, MinAge, MinAge + 200*time.Millisecond}},
		{name: "one leak, confirmed", reports: []string{"", a}, want: []uint64{0xa000},
			scans: []time.Duration{MinAge - firstScan, MinAge, MinAge + 300*time.Millisecond}},
		{name: "a transient one", reports: []string{"", a + b, b}, want: []uint64{0xb000},
			scans: []time.Duration{MinAge - firstScan, MinAge, MinAge + 300*time.Millisecond, MinAge + 600*time.Millisecond}},
		{name: "one comes later", reports: []string{"", a, a + b}, want: []uint64{0xa000, 0xb000},
			scans: []time.Duration{MinAge - firstScan, MinAge, MinAge + 300*time.Millisecond, MinAge + 600*time.Millisecond}},
		{name: "one drops out once", reports: []string{"", a + b, b, a + b}, want: []uint64{0xa000, 0xb000},
			scans: []time.Duration{MinAge - firstScan, MinAge, MinAge + 300*time.Millisecond, MinAge + 600*time.Millisecond, MinAge + 900*time.Millisecond}},
		{name: "different each time", reports: []string{"", leakAt(1), leakAt(2), leakAt(3), leakAt(4), leakAt(5), leakAt(6)},
			scans: []time.Duration{MinAge - firstScan, MinAge, MinAge + 300*time.Millisecond, MinAge + 600*time.Millisecond,
				MinAge + 900*time.Millisecond, MinAge + 1200*time.Millisecond, MinAge + 1500*time.Millisecond}},
		{name: "not understood", reports: []string{"", "what?\n"}, err: errAny},
		{name: "a parameter that is none", param: "many\n", reports: []string{""}, err: errAny},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, d := newKernel(t, tt.reports...)
			if tt.param != "" {
				if err := os.WriteFile(d.param, []byte(tt.param), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			last := k.now
			k.now = k.now.Add(tt.since)
			leaks, err := d.Collect(context.Background(), last, k.clock())
			if tt.err != nil {
				if !errors.Is(err, tt.err) && (tt.err != errAny || err == nil || strings.Contains(err.Error(), notKmemleak)) {
					t.Fatalf("err = %v, want %v", err, tt.err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), notKmemleak) {
				t.Fatalf("err = %v, want that of Enabled on a regular file", err)
			}
			var scans []time.Duration
			for _, s := range k.scans {
				scans = append(scans, s.Sub(last))
			}
			if d := cmp.Diff(tt.scans, scans); d != "" {
				t.Errorf("times of the scans (-want +got):\n%s", d)
			}
			var got []uint64
			for _, l := range leaks {
				got = append(got, l.Address)
			}
			if d := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("leaks (-want +got):\n%s", d)
			}
		})
	}
}

// errAny stands for any error but the one of Enabled on a regular file.
var errAny = errors.New("any")

const notKmemleak = "not kmemleak's file"

func TestCollectCancelled(t *testing.T) {
	k, d := newKernel(t, "")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Collect(ctx, k.now, k.clock()); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
	if len(k.scans) != 0 {
		t.Errorf("%d scans after the cancellation", len(k.scans))
	}
}

func TestAbsent(t *testing.T) {
	d := New(filepath.Join(t.TempDir(), "none"))
	for name, f := range map[string]func() error{
		"Scan": d.Scan, "Enabled": d.Enabled, "Clear": d.Clear, "StopThread": d.StopThread,
		"Read": func() error { _, err := d.Read(); return err },
	} {
		if err := f(); !errors.Is(err, ErrAbsent) {
			t.Errorf("%s: %v, want ErrAbsent", name, err)
		}
	}
}

// TestWriteBlocksSignals reads the mask of the thread while it writes.
func TestWriteBlocksSignals(t *testing.T) {
	mask := func() string {
		b, err := readFile("/proc/thread-self/status")
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			if v, ok := strings.CutPrefix(l, "SigBlk:"); ok {
				return strings.TrimSpace(v)
			}
		}
		t.Fatal("no SigBlk in /proc/thread-self/status")
		return ""
	}
	var inside string
	if err := quiet(func() error { inside = mask(); return nil }); err != nil {
		t.Fatal(err)
	}
	// SIGKILL (9) and SIGSTOP (19) cannot be blocked.
	if want := "fffffffffffbfeff"; inside != want {
		t.Errorf("blocked while writing: %s, want %s", inside, want)
	}
	if err := quiet(func() error { return unix.EPERM }); !errors.Is(err, unix.EPERM) {
		t.Errorf("error of the function: %v", err)
	}
	var tid int
	if err := quiet(func() error { tid = unix.Gettid(); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := unix.Gettid(); got == tid {
		t.Errorf("the caller runs on thread %d, on which the signals were blocked", tid)
	}
}

func TestJiffies(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want uint64
		err  string
	}{
		{in: "Timer List Version: v0.9\nnow at 12345 nsecs\n\ncpu: 0\n  .last_jiffies   : 4294901000\njiffies: 4294901234\n\ncpu: 1\njiffies: 4294901234\n", want: 4294901234},
		{in: "jiffies: many\n", err: "invalid syntax"},
		{in: "Timer List Version: v0.9\n", err: "no line"},
	} {
		d := New("")
		d.timer = filepath.Join(t.TempDir(), "timer_list")
		if err := os.WriteFile(d.timer, []byte(tt.in), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := d.Jiffies()
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("Jiffies of %q = %d, %v, want %d, %q", tt.in, got, err, tt.want, tt.err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, path := range goldenReports(f) {
		f.Add(readReport(f, path))
	}
	f.Add([]byte(oneLeak))
	f.Fuzz(func(t *testing.T, b []byte) {
		leaks, err := Parse(bytes.NewReader(b))
		heads := bytes.Count(append([]byte{'\n'}, b...), []byte("\nunreferenced object"))
		if err == nil && len(leaks) < heads {
			t.Errorf("%d reports begin, %d were parsed, and no error", heads, len(leaks))
		}
		for _, l := range leaks {
			if l.Title() == "" || strings.Contains(l.Title(), "\n") || len(l.HexDump) > maxHex || l.Age < 0 {
				t.Errorf("unsound leak %+v", l)
			}
		}
	})
}
