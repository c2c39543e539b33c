package trace

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An Event is one hit of a probe.
type Event struct {
	Task string        // comm-pid of the task
	Time time.Duration // since boot, by the trace clock
	Name string        // the probe's Event
	Args map[string]int64
}

// ErrMalformed is returned for a line that is no event.
var ErrMalformed = errors.New("malformed trace line")

// lostMark is in the line by which trace_pipe says that the buffer ran over
// (print_trace_line() in kernel/trace/trace.c).
const lostMark = "[LOST "

// Parse decodes the text of trace_pipe. It returns the events it could decode
// with the first error.
func Parse(text []byte) ([]Event, error) {
	var events []Event
	var first error
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			continue
		}
		var e Event
		err := ErrLost
		if !strings.Contains(line, lostMark) {
			e, err = parseLine(line)
		}
		switch {
		case err == nil:
			events = append(events, e)
		case first == nil:
			first = err
		}
	}
	return events, first
}

// parseLine decodes one line, such as
//
//	c1.7-81  [000] d..1.   12.345678: register_ret: (rtnl_newlink+0x1/0x2 <- register_netdevice) ret=-22
func parseLine(line string) (Event, error) {
	head, rest, ok := strings.Cut(line, ": ")
	if !ok {
		return Event{}, fmt.Errorf("%w: %q", ErrMalformed, line)
	}
	name, args, ok := strings.Cut(rest, ": (")
	if !ok {
		return Event{}, fmt.Errorf("%w: %q", ErrMalformed, line)
	}
	stamp := head[strings.LastIndexByte(head, ' ')+1:]
	seconds, err := strconv.ParseFloat(stamp, 64)
	if err != nil || seconds < 0 || seconds > 1e9 {
		return Event{}, fmt.Errorf("%w: time %q", ErrMalformed, stamp)
	}
	task, _, _ := strings.Cut(head, "[")
	e := Event{
		Task: strings.TrimSpace(task),
		Time: time.Duration(seconds * float64(time.Second)),
		Name: name,
		Args: map[string]int64{},
	}
	_, args, _ = strings.Cut(args, ")")
	for _, field := range strings.Fields(args) {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			continue
		}
		if e.Args[key], err = parseInt(value); err != nil {
			return Event{}, fmt.Errorf("%w: %s: %w", ErrMalformed, field, err)
		}
	}
	return e, nil
}

// parseInt reads a number as trace events print it: decimal with a sign, or
// hexadecimal, which may be an address and so need all 64 bits.
func parseInt(s string) (int64, error) {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		u, err := strconv.ParseUint(hex, 16, 64)
		return int64(u), err
	}
	return strconv.ParseInt(s, 10, 64)
}
