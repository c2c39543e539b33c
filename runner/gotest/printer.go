package gotest

import (
	"fmt"
	"io"
	"strings"
)

// Mode is how a test binary was asked to print.
type Mode int

// The modes, as the flag -test.v has them.
const (
	Quiet   Mode = iota // -test.v=false: what failed
	Verbose             // -test.v=true: everything, for people
	JSON                // -test.v=test2json: everything, framed for go test -json
)

// ParseMode returns the mode that the value of -test.v asks for.
func ParseMode(v string) (Mode, error) {
	switch v {
	case "false":
		return Quiet, nil
	case "true":
		return Verbose, nil
	case "test2json":
		return JSON, nil
	}
	return Quiet, fmt.Errorf("invalid value %q for -test.v", v)
}

// prefix is what a framing line begins with.
func (m Mode) prefix() string {
	if m == JSON {
		return string(rune(marker))
	}
	return ""
}

// FinalLine returns the line with which a test binary ends its output.
func FinalLine(m Mode, ok bool) string {
	if ok {
		return m.prefix() + "PASS\n"
	}
	return m.prefix() + "FAIL\n"
}

// maxBuffer bounds what is kept of the output of one test until its end in
// [Quiet], where it is shown only if the test fails.
const maxBuffer = 1 << 20

// indent is what each level of subtests is indented by.
const indent = "    "

// Printer prints events as a local test binary prints them. The events must be
// well-formed: each test begins before it does anything else, and ends once,
// after its subtests. A [Merger] sees to that.
type Printer struct {
	mode Mode
	w    io.Writer
	err  error
	last string           // the test that a reader takes output for the output of
	mid  bool             // what was printed last did not end its line
	open map[string]*open // the tests that have begun and not ended
	// held is what belongs to a test that has not ended, and follows its
	// report: the reports of its subtests, and in Quiet its own log.
	held map[string]*buffer
}

// NewPrinter returns a printer that writes to w in the given mode.
func NewPrinter(w io.Writer, mode Mode) *Printer {
	return &Printer{mode: mode, w: w, open: map[string]*open{}, held: map[string]*buffer{}}
}

// Err returns the first error of the writer. What comes after it is not
// printed.
func (p *Printer) Err() error { return p.err }

// Event prints e.
func (p *Printer) Event(e Event) {
	p.follow(e)
	switch {
	case e.Action == Output:
		p.output(e)
	case e.Action.Ends():
		p.end(e)
	case p.mode == Quiet || e.Action == Final:
	case e.Action == Attr:
		p.frame(e.Test, e.Output)
	default:
		p.frame(e.Test, fmt.Sprintf("=== %-5s %s\n", strings.ToUpper(string(e.Action)), e.Test))
	}
}

// frame prints a framing line about test, or a report with what follows it.
func (p *Printer) frame(test, text string) {
	// Behind an unfinished line test2json finds the marker; people would
	// find a line in the middle of another.
	if p.mid && p.mode != JSON {
		p.print("\n")
	}
	p.print(p.mode.prefix() + text)
	p.last = test
}

// output prints what a test printed, or keeps it for the test's end.
func (p *Printer) output(e Event) {
	switch {
	case p.mode != Quiet:
		p.name(e.Test)
		p.print(e.Output)
	case e.Test == "" || !logged(e.Output) && !p.buffer(e.Test).mid:
		// What was printed past T.Log is seen at once, as it is locally.
		p.print(e.Output)
	default:
		p.buffer(e.Test).log(e.Output)
	}
}

// name says whose output follows, where a reader would think otherwise.
func (p *Printer) name(test string) {
	switch {
	case p.last == test:
	case p.mode == Verbose && (p.last == "" || test == ""):
		p.last = test
	default:
		p.frame(test, "=== NAME  "+test+"\n")
	}
}

// logged reports whether T.Log wrote the line, which indents it.
func logged(line string) bool { return strings.HasPrefix(line, indent) }

// end prints the report of a test that ended: at once where reports are not
// nested, else together with that of its outermost parent.
func (p *Printer) end(e Event) {
	below := p.buffer(e.Test).text()
	delete(p.held, e.Test)
	parent := ""
	if t := p.open[e.Test]; t != nil {
		parent = t.parent
	}
	delete(p.open, e.Test)
	if p.mode == Quiet && e.Action != Fail {
		return
	}
	report := fmt.Sprintf("--- %s: %s (%.2fs)\n%s", strings.ToUpper(string(e.Action)), e.Test, e.Elapsed, below)
	switch {
	case p.mode == JSON:
		p.frame(e.Test, report)
		// test2json tells of an end when it sees the next framing line.
		p.frame(parent, "=== NAME  "+parent+"\n")
	case parent == "":
		p.frame(e.Test, report)
	default:
		for line := range strings.Lines(report) {
			p.buffer(parent).report(indent + line)
		}
	}
}

// open is a test that has begun and not ended.
type open struct {
	parent string
	paused bool
}

// follow keeps track of the tests that are open.
func (p *Printer) follow(e Event) {
	switch e.Action {
	case Run:
		p.open[e.Test] = &open{parent: p.parent(e.Test)}
	case Pause, Cont:
		if t := p.open[e.Test]; t != nil {
			t.paused = e.Action == Pause
		}
	}
}

// parent returns the test that runs test, or "". Names alone do not tell,
// because T.Run may be given one with slashes. A test that waits in T.Parallel
// is not likely to run subtests, but in another guest it may.
func (p *Printer) parent(test string) (paused string) {
	for test = Parent(test); test != ""; test = Parent(test) {
		switch t := p.open[test]; {
		case t == nil:
		case !t.paused:
			return test
		case paused == "":
			paused = test
		}
	}
	return paused
}

// buffer returns what is held for test.
func (p *Printer) buffer(test string) *buffer {
	b := p.held[test]
	if b == nil {
		b = &buffer{}
		p.held[test] = b
	}
	return b
}

func (p *Printer) print(s string) {
	if s == "" || p.err != nil {
		return
	}
	_, p.err = io.WriteString(p.w, s)
	p.mid = !strings.HasSuffix(s, "\n")
}

// buffer holds the lines of one test: the reports of its subtests, and up to
// maxBuffer of its own log.
type buffer struct {
	b      strings.Builder
	mid    bool // the last line is not finished
	logged int  // bytes of log
	lost   int  // bytes of log that did not fit
}

// log adds a line, or a part of one, of the test's own output.
func (b *buffer) log(line string) {
	if b.logged+len(line) > maxBuffer {
		b.lost += len(line)
		return
	}
	b.logged += len(line)
	b.b.WriteString(line)
	b.mid = !strings.HasSuffix(line, "\n")
}

// report adds a line of a subtest's report.
func (b *buffer) report(line string) {
	if b.mid {
		b.b.WriteByte('\n')
		b.mid = false
	}
	b.b.WriteString(line)
}

// text returns what was kept, in whole lines, and how much was not.
func (b *buffer) text() string {
	s := b.b.String()
	if b.mid {
		s += "\n"
	}
	if b.lost > 0 {
		s += fmt.Sprintf("%s(%d more bytes of output were dropped)\n", indent, b.lost)
	}
	return s
}

// Parent returns test without its last element, or "".
func Parent(test string) string {
	if i := strings.LastIndexByte(test, '/'); i >= 0 {
		return test[:i]
	}
	return ""
}
