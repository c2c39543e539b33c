// Package tracetext reads what trace_pipe prints. In this form the records of real
// kernels are kept, which tests decode; the suite itself reads the kernel's buffer
// (see package trace).
package tracetext

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"netdev.test/teardown/initramfs/trace"
)

// lostMark is in the line by which trace_pipe says that the buffer ran over
// (print_trace_line() in kernel/trace/trace.c).
const lostMark = "[LOST "

// stackMark ends the line that begins the stack of the event before it, and
// framePrefix begins each of its frames (trace_stack_print() in
// kernel/trace/trace_output.c).
const (
	stackMark   = ": <stack trace>"
	framePrefix = " => "
)

// Parse decodes the text of trace_pipe, in which the events named stacked have
// their stack recorded. It returns the events it could decode with the first
// error.
func Parse(text []byte, stacked ...string) ([]trace.Event, error) {
	p := parser{stacked: stacked, owner: -1}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			p.line(line)
		}
	}
	return p.events, p.first
}

// parser is what [Parse] has understood so far.
type parser struct {
	stacked []string
	events  []trace.Event
	owner   int // place of the event whose frames follow, -1 for none
	first   error
}

func (p *parser) line(line string) {
	switch frame, isFrame := strings.CutPrefix(line, framePrefix); {
	case isFrame && p.owner >= 0:
		p.events[p.owner].Push(frame)
	case isFrame:
	case strings.HasSuffix(line, stackMark):
		p.owner = p.awaiting(line)
	default:
		p.owner = -1
		p.event(line)
	}
}

// awaiting finds the event to which a stack belongs. Other events may have come
// in between: those of an interrupt, which has the same thread.
func (p *parser) awaiting(line string) int {
	_, pid, err := thread(line)
	for i := len(p.events) - 1; i >= 0 && err == nil; i-- {
		e := p.events[i]
		if e.PID == pid && e.Stack == nil && slices.Contains(p.stacked, e.Name) {
			return i
		}
	}
	return -1
}

func (p *parser) event(line string) {
	var e trace.Event
	err := trace.ErrLost
	if !strings.Contains(line, lostMark) {
		e, err = parseLine(line)
	}
	if err == nil {
		p.events = append(p.events, e)
	} else if p.first == nil {
		p.first = err
	}
}

// thread decodes the comm and the PID with which a line begins: "td1.0-81 [000]".
// A comm may hold blanks, brackets and dashes itself.
func thread(line string) (comm string, pid int, err error) {
	cpu := strings.LastIndex(line, " [")
	if cpu < 0 {
		return "", 0, fmt.Errorf("%w: no processor in %q", trace.ErrMalformed, line)
	}
	who := strings.TrimSpace(line[:cpu])
	dash := strings.LastIndexByte(who, '-')
	if dash < 0 {
		return "", 0, fmt.Errorf("%w: no thread in %q", trace.ErrMalformed, line)
	}
	if pid, err = strconv.Atoi(who[dash+1:]); err != nil {
		return "", 0, fmt.Errorf("%w: thread of %q: %w", trace.ErrMalformed, line, err)
	}
	return who[:dash], pid, nil
}

// parseLine decodes one line, of a probe or of a tracepoint, such as
//
//	c1.7-81  [000] d..1.   12.345678: register_ret: (rtnl_newlink+0x1/0x2 <- register_netdevice) ret=-22
//	c1.7-81  [000] d..1.   12.345678: percpu_free_percpu: base_addr=ffff88801e22e000 off=15260 ptr=0000000000031b9c
func parseLine(line string) (trace.Event, error) {
	head, rest, ok := strings.Cut(line, ": ")
	if !ok {
		return trace.Event{}, fmt.Errorf("%w: %q", trace.ErrMalformed, line)
	}
	name, args, ok := strings.Cut(rest, ": ")
	if !ok || strings.ContainsAny(name, " \t") {
		return trace.Event{}, fmt.Errorf("%w: %q", trace.ErrMalformed, line)
	}
	at, err := parseTime(head[strings.LastIndexByte(head, ' ')+1:])
	if err != nil {
		return trace.Event{}, err
	}
	e := trace.Event{Time: at, Name: name}
	if e.Task, e.PID, err = thread(head); err != nil {
		return trace.Event{}, err
	}
	if probe, ok := strings.CutPrefix(args, "("); ok {
		_, args, _ = strings.Cut(probe, ")")
		e.Args, err = probeArgs(args)
	} else {
		e.Args = tracepointArgs(args)
	}
	return e, err
}

// parseTime decodes seconds with six decimals.
func parseTime(stamp string) (time.Duration, error) {
	whole, part, _ := strings.Cut(stamp, ".")
	seconds, err := strconv.ParseUint(whole, 10, 31)
	micros, err2 := strconv.ParseUint(part, 10, 31)
	if err = errors.Join(err, err2); err != nil || len(part) != 6 {
		return 0, fmt.Errorf("%w: time %q", trace.ErrMalformed, stamp)
	}
	return time.Duration(seconds)*time.Second + time.Duration(micros)*time.Microsecond, nil
}

// probeArgs decodes what a probe fetched, which is numbers.
func probeArgs(text string) (map[string]int64, error) {
	args := make(map[string]int64, strings.Count(text, "="))
	for field := range strings.FieldsSeq(text) {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			continue
		}
		n, err := parseInt(value)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", trace.ErrMalformed, field, err)
		}
		args[key] = n
	}
	return args, nil
}

// tracepointArgs decodes the numbers that a tracepoint prints. %p gives an
// address all its digits, and no prefix.
func tracepointArgs(text string) map[string]int64 {
	args := map[string]int64{}
	for field := range strings.FieldsSeq(text) {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			continue
		}
		if len(value) == addressDigits {
			value = "0x" + value
		}
		if n, err := parseInt(value); err == nil {
			args[key] = n
		}
	}
	return args
}

// addressDigits is how many digits %p prints.
const addressDigits = 16

// parseInt reads a number as trace events print it: decimal with a sign, or
// hexadecimal, which may be an address and so need all 64 bits.
func parseInt(s string) (int64, error) {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		u, err := strconv.ParseUint(hex, 16, 64)
		return int64(u), err
	}
	return strconv.ParseInt(s, 10, 64)
}
