package klog

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Report is what the kernel said about one event.
type Report struct {
	ID    string // of the [Signature]
	Kind  Kind
	Title string // one line, the same whenever the same bug is met
	// Frames names the first functions of the stack that say something, the
	// innermost first: no machinery of reports, allocators or kernel entry.
	Frames []string
	Text   string        // the lines of the report, at most maxLines of them
	Seq    uint64        // of the record that begins it
	Time   time.Duration // of the same
	Case   string        // that was running, see [CaseMark]; empty outside all cases
	Fatal  bool          // the kernel died of it, or is about to
}

const (
	maxLines   = 400 // of one report
	maxFrames  = 6   // of Report.Frames
	maxPending = 12  // lines between "cut here" and the line that says what it is
	// maxGap is how many lines of something else may stand between a report
	// and the panic that it leads to.
	maxGap = 40
	// maxForeign is how many lines of somebody else a stack may have in it.
	maxForeign = 3
)

// Scan finds the reports in the records. Those are left out whose trigger is in
// allow.
func Scan(records []Record, allow ...string) []Report {
	s := scanner{lines: attribute(flatten(records))}
	s.run()
	var out []Report
	for _, o := range s.joined() {
		if o.sig.Allow != "" && slices.Contains(allow, o.sig.Allow) {
			continue
		}
		out = append(out, o.report())
	}
	return out
}

// found is a report while it is being collected.
type found struct {
	sig    *Signature
	groups []string
	lines  []line
	head   int    // index in lines of the line that matched
	first  int    // index in the log of its first line
	last   int    // index in the log of its last line
	ext    extent // how it goes on from here
	boxed  bool   // a line of '=' stands above it
	// stacked: lockdep's "stack backtrace:" has been seen.
	stacked bool
	fatal   bool
}

type scanner struct {
	lines []line
	done  []*found
	cur   *found
	// pending holds the lines since "cut here" or a line of '=': the report
	// has begun, but nothing has said yet what it is.
	pending []line
	cut     bool // pending began with "cut here"
}

const (
	cutHere  = "------------[ cut here ]------------" // include/asm-generic/bug.h CUT_HERE
	endTrace = "---[ end trace "                      // kernel/panic.c print_oops_end_marker
)

// overwritten is the line that check_bytes_and_report() in mm/slub.c prints
// above the box since 6.12: the "BUG" line says only "Object corrupt".
var overwritten = regexp.MustCompile(`^\[([A-Z][\w ]* overwritten)\] 0x`)

func isBar(s string) bool {
	return len(s) >= 20 && s[0] == '=' && strings.Trim(s, "=") == ""
}

func (s *scanner) run() {
	for i, l := range s.lines {
		s.line(i, l)
	}
	s.flush()
}

func (s *scanner) line(i int, l line) {
	switch {
	case l.text == cutHere:
		s.flush()
		s.pending, s.cut = []line{l}, true
		return
	case overwritten.MatchString(l.text):
		s.flush()
		s.pending, s.cut = []line{l}, false
		return
	case isBar(l.text) && (s.cur == nil || !s.cur.boxed || s.cur.ext != bars):
		above := s.pending
		s.flush()
		s.pending, s.cut = []line{l}, false
		if len(above) == 1 && overwritten.MatchString(above[0].text) {
			s.pending = []line{above[0], l}
		}
		return
	}
	if sig, groups := match(l.text); sig != nil {
		s.head(i, l, sig, groups)
		return
	}
	switch {
	case s.cur != nil:
		s.body(i, l)
	case s.pending != nil && len(s.pending) < maxPending:
		s.pending = append(s.pending, l)
	default:
		s.pending = nil
	}
}

// head deals with a line that a signature matches: it begins a report, or says
// more about the one that is open.
func (s *scanner) head(i int, l line, sig *Signature, groups []string) {
	if c := s.cur; c != nil && c.takes(sig) {
		c.fatal = c.fatal || sig.fatal
		c.add(i, l)
		return
	}
	pending := s.pending
	if s.cur != nil {
		pending = nil
	}
	s.flush()
	boxed := !s.cut && len(pending) > 0 && isBar(pending[len(pending)-1].text)
	if !boxed && !s.cut {
		pending = nil // a line of '=' further above has nothing to do with it
	}
	s.cur = &found{
		sig: sig, groups: groups, lines: append(slices.Clone(pending), l), head: len(pending),
		first: i - len(pending), last: i,
		ext: sig.extent, boxed: boxed, fatal: sig.fatal,
	}
	s.pending = nil
	if sig.extent == trace && boxed { // ubsan_prologue() of 5.10 draws a box
		s.cur.ext = bars
	}
	if sig.extent == single {
		s.flush()
	}
}

// takes reports whether a line that sig matches belongs to the open report: a
// WARN()'s text comes before its "WARNING:" line, and the several lines of an
// oops each have a signature.
func (f *found) takes(sig *Signature) bool {
	switch f.ext {
	case trace:
		return sig.vague && sig.ID != "panic" || f.fatal && sig.fatal && sig.ID != "panic"
	case bars, lockdep:
		return sig.vague && !sig.fatal || sig.Kind == Blind
	case dump:
		return sig.ID == "lockdep-off" && f.sig.ID != "lockdep-off"
	}
	return false
}

func (f *found) add(i int, l line) {
	if len(f.lines) < maxLines {
		f.lines = append(f.lines, l)
	}
	f.last = i
}

// body deals with a line without a signature while a report is open.
func (s *scanner) body(i int, l line) {
	c := s.cur
	switch c.ext {
	case trace:
		if strings.HasPrefix(l.text, endTrace) {
			c.ext = dump
		}
	case bars:
		if isBar(l.text) {
			c.add(i, l)
			s.flush()
			return
		}
	case lockdep:
		if strings.Contains(l.text, "stack backtrace:") {
			c.stacked = true
		} else if c.stacked && isDump(l.text) {
			c.ext = dump
		}
	case dump:
		if !isDump(l.text) {
			if !s.interrupted(i) {
				s.flush()
			}
			return
		}
	}
	c.add(i, l)
	if len(c.lines) >= maxLines {
		s.flush()
	}
}

// interrupted reports whether the line i, which belongs to no dump, was printed
// by another processor in the middle of one: a stack goes on after it.
func (s *scanner) interrupted(i int) bool {
	last := s.cur.lines[len(s.cur.lines)-1].text
	if strings.HasPrefix(last, " </TASK>") || strings.HasPrefix(last, endTrace) {
		return false
	}
	for _, l := range s.lines[i+1 : min(i+1+maxForeign, len(s.lines))] {
		if _, ok := ParseFrame(l.text); ok || strings.HasPrefix(l.text, " <") {
			return true
		}
		if sig, _ := match(l.text); sig != nil || begins(l.text) {
			return false
		}
	}
	return false
}

// begins reports whether a line begins a dump of its own.
func begins(text string) bool {
	return text == cutHere || isBar(text) || strings.HasPrefix(text, "CPU: ") || strings.HasPrefix(text, "Call Trace:")
}

func (s *scanner) flush() {
	if s.cur != nil {
		s.done = append(s.done, s.cur)
	}
	s.cur, s.pending = nil, nil
}

// because are the panics that follow a report, and say nothing new.
var because = regexp.MustCompile(`^Kernel panic - not syncing: (?:Fatal (?:hardware )?exception|.*panic_on_\w+|.*panic_on_warn set|hung_task: |softlockup: |.*stack guard hit|Machine halted|kasan\.fault=|RCU Stall)`)

// joined returns the reports, with those joined that are one event.
func (s *scanner) joined() []*found {
	var out []*found
	for _, f := range s.done {
		if n := len(out); n > 0 && f.continues(out[n-1]) {
			p := out[n-1]
			p.lines = append(p.lines, f.lines...)
			p.lines = p.lines[:min(len(p.lines), maxLines)]
			p.last, p.fatal = f.last, p.fatal || f.fatal
			continue
		}
		out = append(out, f)
	}
	return out
}

// continues reports whether f is about the same event as the report before it.
func (f *found) continues(prev *found) bool {
	gap := f.first - prev.last - 1
	head := f.lines[f.head].text
	if f.sig.ID == "panic" && because.MatchString(head) {
		return prev.sig.Kind == Fail && gap <= maxGap
	}
	return gap == 0 && prev.sig.Then != nil && prev.sig.Then.MatchString(head)
}
