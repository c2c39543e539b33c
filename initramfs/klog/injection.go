package klog

import (
	"regexp"
	"strconv"
	"time"
)

// Injection is what one of the kernel's fault injectors printed when it made
// something fail.
type Injection struct {
	Seq  uint64        // of the record that begins it
	Time time.Duration // of the same
	// Name is what failed: failslab or fail_page_alloc of lib/fault-inject.c,
	// or the event of lib/notifier-error-inject.c (NETDEV_REGISTER).
	Name string
	// Errno is the negative error number that was injected; 0 where the
	// injector does not print it (fail_dump() does not).
	Errno int
	// Interval, Probability, Space and Times are the attributes that
	// fail_dump() prints. fail-nth does not use them.
	Interval, Probability, Space, Times int
	Comm                                string  // task that asked
	PID                                 int     // of the same
	Frames                              []Frame // stack of what was refused, innermost first, guesses left out
}

// Site names the first n functions that asked for what was refused, without
// the machinery of injection and allocation.
func (i Injection) Site(n int) []string { return Sites(i.Frames, n) }

var (
	// attributes is the second line of fail_dump() in lib/fault-inject.c.
	attributes = regexp.MustCompile(`^name (\S+), interval (\d+), probability (\d+), space (-?\d+), times (-?\d+)`)
	// task is the line of dump_stack_print_info() in lib/dump_stack.c; UID
	// is there since 6.12.
	task = regexp.MustCompile(`^CPU: \d+ (?:UID: \d+ )?PID: (\d+) Comm: (.{1,20}?) (?:Kdump: loaded )?(?:Not tainted|Tainted: )`)
)

// Injections returns what the fault injectors printed, in order.
func Injections(records []Record) []Injection {
	s := scanner{lines: attribute(flatten(records))}
	s.run()
	var out []Injection
	for _, f := range s.done {
		switch f.sig.ID {
		case "fault-injection":
			out = append(out, f.injection())
		case "notifier-error-inject":
			rec := f.lines[0].rec
			out = append(out, Injection{Seq: rec.Seq, Time: rec.Time, Name: f.groups[2], Errno: atoi(f.groups[1])})
		}
	}
	return out
}

func (f *found) injection() Injection {
	rec := f.lines[f.head].rec
	in := Injection{Seq: rec.Seq, Time: rec.Time}
	for _, l := range f.lines[f.head:] {
		if m := attributes.FindStringSubmatch(l.text); m != nil {
			in.Name, in.Interval, in.Probability, in.Space, in.Times = m[1], atoi(m[2]), atoi(m[3]), atoi(m[4]), atoi(m[5])
		} else if m := task.FindStringSubmatch(l.text); m != nil {
			in.PID, in.Comm = atoi(m[1]), m[2]
		} else if fr, ok := ParseFrame(l.text); ok && !fr.Guess {
			in.Frames = append(in.Frames, fr)
		}
	}
	return in
}

// atoi converts digits that a regular expression has matched; a number that no
// int holds becomes the nearest one.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
