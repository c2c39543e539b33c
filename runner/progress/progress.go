// Package progress shows what a long piece of work is doing: on a terminal one
// status line that is rewritten in place, elsewhere a plain line at each new
// phase and at most one more every ten seconds.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"
)

const (
	redrawEvery = 250 * time.Millisecond // the elapsed time on a terminal
	plainEvery  = 10 * time.Second       // at most one plain line
	clearLine   = "\r\x1b[K"
)

// Mode is how a [Display] shows things.
type Mode int

// The modes.
const (
	Plain    Mode = iota // whole lines, few of them
	Terminal             // one line, rewritten in place
	Quiet                // nothing
)

// Display shows the phase, the step in it, how many steps are done and the time
// since the display was made. All methods may be called from several goroutines.
type Display struct {
	mode  Mode
	out   io.Writer
	width func() int
	now   func() time.Time
	start time.Time
	stop  chan struct{}
	idle  sync.WaitGroup

	mu      sync.Mutex
	phase   string
	step    string
	done    int
	wanted  int
	drawn   bool // a status line stands on the terminal
	midLine bool // what was written through Above has not ended its line
	paused  bool // something else has the terminal
	closed  bool
	printed string    // plain: the last line, without its time
	at      time.Time // plain: when it was printed
}

// ModeOf returns the mode that suits f: [Terminal] when f is one that
// understands escape sequences, else [Plain].
func ModeOf(f *os.File) Mode {
	if t := os.Getenv("TERM"); t == "" || t == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return Plain
	}
	return Terminal
}

// New returns a display on f. Close it, so that the status line does not stay.
func New(f *os.File, mode Mode) *Display {
	d := newDisplay(f, mode, time.Now)
	d.width = func() int {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
		return 80
	}
	if mode == Terminal {
		d.idle.Go(d.tick)
	}
	return d
}

func newDisplay(out io.Writer, mode Mode, now func() time.Time) *Display {
	return &Display{
		mode:  mode,
		out:   out,
		width: func() int { return 80 },
		now:   now,
		start: now(),
		stop:  make(chan struct{}),
	}
}

// tick redraws the line on a terminal, for its elapsed time.
func (d *Display) tick() {
	t := time.NewTicker(redrawEvery)
	defer t.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-t.C:
			d.mu.Lock()
			d.show(false)
			d.mu.Unlock()
		}
	}
}

// Phase begins a phase of the work, which ends the one before it.
func (d *Display) Phase(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.phase, d.step, d.done, d.wanted = printable(name), "", 0, 0
	d.show(true)
}

// Step says what the phase is at: the text (a case, a file, a line of a tool's
// output) and how many of the wanted steps are done; 0 wanted means not known.
func (d *Display) Step(text string, done, wanted int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.step, d.done, d.wanted = printable(text), done, wanted
	if d.mode == Plain { // a terminal waits for its tick
		d.show(false)
	}
}

// Above returns a writer to w that takes the status line away before it writes,
// so that output can share the terminal with the display.
func (d *Display) Above(w io.Writer) io.Writer { return above{d, w} }

type above struct {
	display *Display
	to      io.Writer
}

// Write writes to the writer behind.
func (a above) Write(p []byte) (int, error) {
	a.display.mu.Lock()
	defer a.display.mu.Unlock()
	a.display.clear()
	n, err := a.to.Write(p)
	if n > 0 {
		a.display.midLine = p[n-1] != '\n'
	}
	return n, err
}

// Pause takes the status line away until [Display.Resume], while something else
// (a question, a password prompt, a tool with a display of its own) has the
// terminal.
func (d *Display) Pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	d.paused = true
}

// Resume ends [Display.Pause].
func (d *Display) Resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.paused = false
}

// Elapsed returns the time since the display was made.
func (d *Display) Elapsed() time.Duration { return d.now().Sub(d.start) }

// Close takes the status line away for good. It may be called again.
func (d *Display) Close() {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	d.closed = true
	d.clear()
	d.mu.Unlock()
	close(d.stop)
	d.idle.Wait()
}

// clear removes the status line. The caller holds d.mu.
func (d *Display) clear() {
	if d.drawn {
		io.WriteString(d.out, clearLine)
		d.drawn = false
	}
}

// show brings what is shown up to date; a new phase is worth a plain line at
// once. The caller holds d.mu.
func (d *Display) show(phase bool) {
	if d.closed || d.paused || d.midLine || d.phase == "" {
		return
	}
	text := d.text()
	switch d.mode {
	case Terminal:
		line := truncate(text+"  "+Duration(d.Elapsed()), d.width()-1)
		io.WriteString(d.out, clearLine+line)
		d.drawn = true
	case Plain:
		if !phase && (text == d.printed || d.now().Sub(d.at) < plainEvery) {
			return
		}
		fmt.Fprintf(d.out, "[%6s] %s\n", Duration(d.Elapsed()), text)
		d.printed, d.at = text, d.now()
	}
}

// text is the status without the time: "suite 12/140: TestLifeCycle/bond".
func (d *Display) text() string {
	s := d.phase
	switch {
	case d.wanted > 0:
		s += fmt.Sprintf(" %d/%d", d.done, d.wanted)
	case d.done > 0:
		s += fmt.Sprintf(" %d", d.done)
	}
	if d.step != "" {
		s += ": " + d.step
	}
	return s
}

// Duration writes d for people: 0.4s, 12s, 3m05s, 1h02m.
func Duration(d time.Duration) string {
	switch {
	case d < 9950*time.Millisecond: // what does not round to 10.0s
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// printable drops what would move the cursor or end the line: steps carry names
// and output that come from outside.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s))
}

// truncate cuts s to n runes, so that a status line never wraps: a wrapped line
// cannot be taken back.
func truncate(s string, n int) string {
	r := []rune(s)
	if n < 1 || len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
