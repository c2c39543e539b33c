package progress

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is a time that only moves when told to.
type clock struct{ t time.Time }

func (c *clock) now() time.Time         { return c.t }
func (c *clock) pass(d time.Duration)   { c.t = c.t.Add(d) }
func newClock() *clock                  { return &clock{time.Unix(0, 0)} }
func lines(s *strings.Builder) []string { return strings.SplitAfter(s.String(), "\n") }
func (d *Display) redraw()              { d.mu.Lock(); d.show(false); d.mu.Unlock() }

func TestPlain(t *testing.T) {
	var out strings.Builder
	c := newClock()
	d := newDisplay(&out, Plain, c.now)
	d.Step("before the first phase", 0, 0)
	d.Phase("kernel 6.12")
	c.pass(3 * time.Second)
	d.Step("CC net/core/dev.o", 0, 0) // too soon after the line before
	c.pass(8 * time.Second)
	d.Step("CC net/core/dev.o", 0, 0)
	c.pass(time.Minute)
	d.Step("CC net/core/dev.o", 0, 0) // nothing new
	d.Phase("suite")
	c.pass(11 * time.Second)
	d.Step("TestLifeCycle/bond", 12, 140)
	fmt.Fprintln(d.Above(&out), "--- FAIL: TestLifeCycle/bond")
	d.Close()
	d.Close()
	d.Phase("after the end")
	want := []string{
		"[  0.0s] kernel 6.12\n",
		"[   11s] kernel 6.12: CC net/core/dev.o\n",
		"[ 1m11s] suite\n",
		"[ 1m22s] suite 12/140: TestLifeCycle/bond\n",
		"--- FAIL: TestLifeCycle/bond\n",
		"",
	}
	if diff := cmp.Diff(want, lines(&out)); diff != "" {
		t.Errorf("plain output (-want +got):\n%s", diff)
	}
}

func TestTerminal(t *testing.T) {
	var out strings.Builder
	c := newClock()
	d := newDisplay(&out, Terminal, c.now)
	d.width = func() int { return 30 }
	step := func(want string) {
		t.Helper()
		if got := out.String(); got != want {
			t.Errorf("wrote %q, want %q", got, want)
		}
		out.Reset()
	}
	d.Phase("image")
	step("\r\x1b[Kimage  0.0s")
	c.pass(75 * time.Second)
	d.redraw()
	step("\r\x1b[Kimage  1m15s")
	d.Step("a name\nwith \x1b[2Jescapes that is too long", 1, 2)
	step("")
	d.redraw()
	step("\r\x1b[Kimage 1/2: a namewith [2Jesc…")
	fmt.Fprint(d.Above(&out), "half a ")
	step("\r\x1b[Khalf a ")
	d.redraw() // would damage the line that has not ended
	step("")
	fmt.Fprint(d.Above(&out), "line\n")
	step("line\n")
	d.redraw()
	out.Reset()
	d.Pause()
	step("\r\x1b[K")
	d.redraw()
	step("")
	d.Resume()
	d.Phase("suite")
	step("\r\x1b[Ksuite  1m15s")
	d.Close()
	step("\r\x1b[K")
	d.redraw()
	step("")
}

func TestQuiet(t *testing.T) {
	var out strings.Builder
	d := newDisplay(&out, Quiet, time.Now)
	d.Phase("suite")
	d.Step("case", 1, 2)
	d.Close()
	if out.Len() != 0 {
		t.Errorf("a quiet display wrote %q", out.String())
	}
}

func TestModeOf(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := ModeOf(f); got != Plain {
		t.Errorf("ModeOf(a file) = %v, want Plain", got)
	}
}

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0.0s"},
		{9940 * time.Millisecond, "9.9s"},
		{9950 * time.Millisecond, "9s"},
		{59999 * time.Millisecond, "59s"},
		{time.Minute, "1m00s"},
		{59*time.Minute + 59*time.Second, "59m59s"},
		{62 * time.Minute, "1h02m"},
	} {
		if got := Duration(c.d); got != c.want {
			t.Errorf("Duration(%v) = %q, want %q", c.d, got, c.want)
		}
	}
}

// TestTicks shows that a display on a terminal keeps itself up to date, and that
// Close ends that.
func TestTicks(t *testing.T) {
	d := newDisplay(nil, Terminal, time.Now)
	drawn := make(chan string, 16)
	d.out = writerFunc(func(p []byte) (int, error) {
		select {
		case drawn <- string(p):
		default:
		}
		return len(p), nil
	})
	d.Phase("boot")
	d.idle.Go(d.tick)
	<-drawn // the phase
	<-drawn // a tick
	d.Close()
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
