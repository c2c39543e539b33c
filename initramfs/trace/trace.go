// Package trace records what the kernel did with a device while a case ran, by
// kprobe events (Documentation/trace/kprobetrace.rst), and tells from the
// record at which exit a call of register_netdevice() left.
package trace

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"netdev.test/teardown/initramfs/kallsyms"
)

// ErrAbsent is returned when the kernel has no kprobe events.
var ErrAbsent = errors.New("the kernel has no kprobe events")

// ErrLost is returned when the trace buffer ran over: the record has a hole.
var ErrLost = errors.New("trace events were lost")

// bufferKiB holds the events of one provocation with much to spare; an event is
// about 40 bytes, and one with a stack 200.
const bufferKiB = "2048"

// A Probe is one place in the kernel that is recorded: a function, or a
// tracepoint.
type Probe struct {
	Event      string // name of the trace event
	Tracepoint string // its subsystem, if the kernel has the event by itself
	Symbol     string // function, without a suffix the compiler may have added
	Return     bool   // when it returns, else when it is entered
	Args       string // what is fetched, as kprobe_events takes it
	Filter     string // which hits are recorded, by Args; empty for all
	Stack      bool   // the stack is recorded too; of a return only from 6.1 on
	Idle       bool   // it records only while it is on, see [Tracer.On]
}

// group is where our own events are found.
const group = "teardown"

// events is the probe's folder below tracefs.
func (p Probe) events() string {
	return filepath.Join("events", cmp.Or(p.Tracepoint, group), p.Event)
}

// Tracer is the kernel's trace buffer with our probes in it.
type Tracer struct {
	dir     string
	ring    *ring
	present map[string]bool
}

// Open sets the probes whose functions are among the symbols of the running
// kernel. A function that the compiler inlined, or that the kernel does not
// have, is left out: [Tracer.Has] tells. frames names what is in recorded stacks.
func Open(tracefs string, symbols kallsyms.Symbols, probes []Probe, frames *kallsyms.Index) (*Tracer, error) {
	if _, err := os.Stat(filepath.Join(tracefs, "kprobe_events")); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	t := &Tracer{dir: tracefs, present: map[string]bool{}}
	if err := t.write("buffer_size_kb", bufferKiB); err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(slices.Clone(probes), func(p Probe) bool {
		if t.present[p.Event] || !t.exists(p, symbols) {
			return true
		}
		t.present[p.Event] = true
		return false
	})
	if err := t.define(symbols, found); err != nil {
		return nil, err
	}
	for _, p := range found {
		if err := t.set(p); err != nil {
			return nil, err
		}
	}
	if err := t.write(filepath.Join("events", group, "enable"), "1"); err != nil {
		return nil, err
	}
	for _, p := range found {
		if !p.Idle {
			continue
		}
		if err := t.On(p, false); err != nil {
			return nil, err
		}
	}
	var err error
	t.ring, err = openRing(tracefs, found, frames)
	return t, err
}

func (t *Tracer) write(file, value string) error {
	f, err := os.OpenFile(filepath.Join(t.dir, file), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("set up tracing: %w", err)
	}
	_, err = f.WriteString(value)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set up tracing: write %q: %w", value, err)
	}
	return nil
}

// exists reports whether this kernel has what is to be probed.
func (t *Tracer) exists(p Probe, symbols kallsyms.Symbols) bool {
	if p.Tracepoint == "" {
		_, ok := symbols[p.Symbol]
		return ok
	}
	_, err := os.Stat(filepath.Join(t.dir, p.events()))
	return err == nil
}

// define makes the events that the kernel does not have by itself, all by one
// write: each write waits for the kernel's text to be patched.
func (t *Tracer) define(symbols kallsyms.Symbols, probes []Probe) error {
	var lines strings.Builder
	for _, p := range probes {
		if p.Tracepoint == "" {
			fmt.Fprintf(&lines, "%s:%s/%s %s %s\n", p.sort(), group, p.Event, symbols[p.Symbol], p.Args)
		}
	}
	if lines.Len() == 0 {
		return fmt.Errorf("%w on what is to be recorded", ErrAbsent)
	}
	return t.write("kprobe_events", lines.String())
}

// sort is the probe's sort with, for a return, how many calls can be in progress
// at once: the default is one on one processor, and a call beyond it is missed.
func (p Probe) sort() string {
	if p.Return {
		return "r16"
	}
	return "p"
}

// set narrows one event down, and enables it if it is not one of ours.
func (t *Tracer) set(p Probe) error {
	enable := ""
	if p.Tracepoint != "" {
		enable = "1"
	}
	settings := []struct{ file, value string }{{"filter", p.Filter}, {"trigger", p.trigger()}, {"enable", enable}}
	for _, s := range settings {
		if s.value == "" {
			continue
		}
		if err := t.write(filepath.Join(p.events(), s.file), s.value); err != nil {
			return err
		}
	}
	return nil
}

// trigger has the stack recorded of what the filter lets through, which a
// trigger does not look at by itself.
func (p Probe) trigger() string {
	switch {
	case !p.Stack:
		return ""
	case p.Filter == "":
		return "stacktrace"
	}
	return "stacktrace if " + p.Filter
}

// On has an idle probe record, or stop it.
func (t *Tracer) On(p Probe, on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	return t.write(filepath.Join(p.events(), "enable"), value)
}

// Has reports whether the event can be seen in this kernel.
func (t *Tracer) Has(event string) bool { return t.present[event] }

// Drain returns the events recorded since the last call, without waiting.
// [ErrLost] means that some are missing.
func (t *Tracer) Drain() ([]Event, error) { return t.ring.drain() }

// Tasks returns the names of the threads that the tracer has met, by PID.
func (t *Tracer) Tasks() (map[int]string, error) {
	text, err := os.ReadFile(filepath.Join(t.dir, "saved_cmdlines"))
	if err != nil {
		return nil, fmt.Errorf("ask for the names of threads: %w", err)
	}
	return tasks(string(text)), nil
}

// tasks reads lines of PID and comm (saved_cmdlines_show() in
// kernel/trace/trace_sched_switch.c).
func tasks(text string) map[int]string {
	names := map[int]string{}
	for line := range strings.Lines(text) {
		number, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if pid, err := strconv.Atoi(number); err == nil {
			names[pid] = name
		}
	}
	return names
}

// Missed returns the events of which the kernel missed hits: a record that has
// them is not whole (kprobe_profile of Documentation/trace/kprobetrace.rst).
func (t *Tracer) Missed() ([]string, error) {
	text, err := os.ReadFile(filepath.Join(t.dir, "kprobe_profile"))
	if err != nil {
		return nil, fmt.Errorf("ask for missed events: %w", err)
	}
	return missed(text)
}

// missed reads lines of event, hits and misses.
func missed(text []byte) ([]string, error) {
	var events []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("%w: %q in kprobe_profile", ErrMalformed, line)
		}
		if fields[2] != "0" {
			events = append(events, fields[0])
		}
	}
	return events, nil
}
