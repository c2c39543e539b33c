package klog

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// report makes the Report of what was collected.
func (f *found) report() Report {
	first := f.lines[0]
	frames := f.frames()
	if len(frames) == 0 {
		frames = f.holders()
	}
	r := Report{
		ID: f.sig.ID, Kind: f.sig.Kind, Frames: frames, Case: first.running,
		Seq: first.rec.Seq, Time: first.rec.Time, Fatal: f.fatal,
	}
	text := make([]string, len(f.lines))
	for i, l := range f.lines {
		text[i] = l.text
	}
	r.Text = strings.Join(text, "\n")
	r.Title = f.title()
	if f.sig.extent != single && f.sig.Kind != Blind && len(r.Frames) > 0 {
		r.Title += " in " + r.Frames[0]
	}
	return r
}

// Names of a signature's groups that say how to clean them; any other group
// loses its numbers and addresses.
const (
	literal = "text" // only the kernel's own words, numbers included
	file    = "file" // a source file
)

// maxTitle bounds a title: part of it is what the kernel was told to print.
const maxTitle = 200

func (f *found) title() string {
	t := f.sig.Title
	if own := f.ownText(); own != "" {
		t = own
	} else {
		names := f.sig.Regexp.SubexpNames()
		for i := 1; i < len(f.groups); i++ {
			t = strings.ReplaceAll(t, "$"+string(rune('0'+i)), clean(names[i], f.groups[i]))
		}
	}
	t = strings.TrimSuffix(strings.Join(strings.Fields(t), " "), " at")
	t = strings.TrimRight(t, ".!: ")
	if len(t) > maxTitle {
		t = t[:maxTitle]
	}
	return strings.ToValidUTF8(t, "?")
}

func clean(group, text string) string {
	switch {
	case group == literal:
		return text
	case group == file && path.IsAbs(text):
		// The compiler was not told where the source begins: in modules
		// built elsewhere, and in what UBSAN prints.
		return path.Base(text)
	}
	return Normal(text)
}

// ownText returns the title of a report whose line that matched says less than
// the lines above it; empty for any other.
func (f *found) ownText() string {
	switch f.sig.ID {
	case "warning":
		if text := f.warnText(); text != "" {
			return "WARNING: " + Normal(text)
		}
	case "slab":
		if m := overwritten.FindStringSubmatch(f.lines[0].text); m != nil {
			return "BUG " + Normal(f.groups[1]) + ": " + m[1]
		}
	}
	return ""
}

// warnText returns what a WARN() printed between "cut here" and "WARNING:",
// empty for WARN_ON().
func (f *found) warnText() string {
	var text []string
	for _, l := range f.lines[:f.head] {
		if l.text != cutHere && strings.TrimSpace(l.text) != "" {
			text = append(text, l.text)
		}
	}
	return strings.Join(text, " ")
}

var (
	pointer = regexp.MustCompile(`\b(?:0x[0-9a-f]+|[0-9a-f]{8,16})\b|(?:\b0x)?\(_+ptrval_+\)`)
	number  = regexp.MustCompile(`\b\d+\b`)
	// nameNumber is the number of a name such as veth0, not of LIST_POISON1.
	nameNumber = regexp.MustCompile(`\b[a-z][a-z0-9_-]*?[a-z_-]\d+\b`)
)

// Normal takes out of a text what changes from run to run: addresses become
// PTR, numbers and the numbers of names (veth0) become N.
func Normal(s string) string {
	s = pointer.ReplaceAllString(s, "PTR")
	s = number.ReplaceAllString(s, "N")
	return nameNumber.ReplaceAllStringFunc(s, func(name string) string {
		if protocols[name] {
			return name
		}
		return strings.TrimRight(name, "0123456789") + "N"
	})
}

// protocols are the names whose number is not one of a device.
var protocols = map[string]bool{
	"ipv4": true, "ipv6": true, "inet6": true, "ip6": true, "snmp6": true, "dev_snmp6": true, "icmp6": true, "igmp6": true,
	"if_inet6": true, "anycast6": true, "mcast6": true, "raw6": true, "udp6": true, "tcp6": true,
}

// where matches the lines that name the function a report is about before any
// stack: "WARNING: ... at file:line sym+0x1/0x2", "BUG: KASAN: ... in
// sym+0x1/0x2", "RIP: 0010:sym+0x1/0x2".
var where = regexp.MustCompile(`^(?:WARNING: .*?|BUG: K\w+: .* in |RIP: \d{4}:)([A-Za-z_][\w.]*)\+0x[0-9a-f]+/0x[0-9a-f]+`)

// work names the work function that a worker came back from, in the second
// line of "BUG: workqueue leaked", or is stuck in, in the list below "BUG:
// workqueue lockup" (process_one_work() and show_pwq() in kernel/workqueue.c).
var work = regexp.MustCompile(`^ +(?:last function: |preempt=.* workfn=|in-flight: \d+(?:\(RESCUER\))?:)([A-Za-z_][\w.]*)`)

// frames returns the functions of the report's first stack that is the
// culprit's.
func (f *found) frames() []string {
	var (
		all    []Frame
		traced bool
		aside  int // stacks to come that are not
	)
	hasTrace := f.hasTrace()
	for _, l := range f.lines[f.head:] {
		switch {
		case strings.HasPrefix(l.text, "Call Trace:"):
			if traced {
				return dedupe(all)
			}
			traced = aside == 0
			aside = max(aside-1, 0)
		case traced && isEnd(l.text):
			return dedupe(all)
		case isAside(l.text):
			aside++
		case traced || aside > 0:
			if fr, ok := ParseFrame(l.text); ok && traced {
				all = append(all, fr)
			}
		default:
			all = append(all, f.before(l.text, hasTrace)...)
		}
	}
	return dedupe(all)
}

// heldAt names the function that took a lock, in a line of lockdep's list of
// held locks (print_lock() in kernel/locking/lockdep.c).
var heldAt = regexp.MustCompile(`^ #\d+: .*, at: ([A-Za-z_][\w.]*)\+0x`)

// holders returns the functions that took the locks a report lists: those of a
// lock that is held when it must not be are all that names the culprit, the
// last one taken first.
func (f *found) holders() []string {
	if f.sig.extent != dump || f.sig.ID != "lockdep" {
		return nil
	}
	var at []Frame
	for _, l := range f.lines[f.head:] {
		if m := heldAt.FindStringSubmatch(l.text); m != nil {
			at = append(at, Frame{Symbol: m[1]})
		}
	}
	slices.Reverse(at)
	return dedupe(at)
}

// before returns the frames that a line above the stack names; where there is
// no "Call Trace:" to come, bare frames are the stack.
func (f *found) before(text string, hasTrace bool) []Frame {
	if m := where.FindStringSubmatch(text); m != nil {
		return []Frame{{Symbol: m[1]}}
	}
	if m := work.FindStringSubmatch(text); m != nil {
		return []Frame{{Symbol: m[1]}}
	}
	if fr, ok := ParseFrame(text); ok && !hasTrace {
		return []Frame{fr}
	}
	return nil
}

// isEnd reports whether a stack ends at a line: what follows is another one,
// or names the variable that KASAN found.
func isEnd(text string) bool {
	for _, p := range []string{" </TASK>", "Allocated by task", "Freed by task", "The buggy address"} {
		if strings.HasPrefix(text, p) {
			return true
		}
	}
	return false
}

// isAside reports whether the next stack is that of RCU's own thread, or of
// where it ran (rcu_check_gp_kthread_starvation() in kernel/rcu/tree_stall.h).
func isAside(text string) bool {
	return strings.HasSuffix(text, "kthread stack dump:") || strings.HasSuffix(text, "GP kthread last ran:")
}

func (f *found) hasTrace() bool {
	for _, l := range f.lines[f.head:] {
		if strings.HasPrefix(l.text, "Call Trace:") {
			return true
		}
	}
	return false
}

// dedupe names the functions of the frames that say something; a name that
// repeats the one before it is dropped: the line that names the place, RIP and
// the first frame are often the same function.
func dedupe(frames []Frame) []string {
	var out []string
	for _, n := range Sites(frames, maxFrames+2) {
		if (len(out) == 0 || out[len(out)-1] != n) && len(out) < maxFrames {
			out = append(out, n)
		}
	}
	return out
}
