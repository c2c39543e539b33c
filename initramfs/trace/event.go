package trace

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"netdev.test/teardown/initramfs/klog"
)

// An Event is one hit of a probe.
type Event struct {
	PID  int           // thread that hit it
	Task string        // its comm, by what the tracer knew when the record was read
	Time time.Duration // since boot, by the trace clock
	Name string        // the probe's Event
	Args map[string]int64
	// Stack names the functions that led to the hit, the innermost first, for a
	// probe with Stack.
	Stack []string
}

// ErrMalformed is returned for a line that is no event.
var ErrMalformed = errors.New("malformed trace line")

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
func Parse(text []byte, stacked ...string) ([]Event, error) {
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
	events  []Event
	owner   int // place of the event whose frames follow, -1 for none
	first   error
}

func (p *parser) line(line string) {
	switch frame, isFrame := strings.CutPrefix(line, framePrefix); {
	case isFrame && p.owner >= 0:
		p.events[p.owner].push(function(frame))
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
	var e Event
	err := ErrLost
	if !strings.Contains(line, lostMark) {
		e, err = parseLine(line)
	}
	if err == nil {
		p.events = append(p.events, e)
	} else if p.first == nil {
		p.first = err
	}
}

// machinery are the functions of tracing itself (kernel/trace/, kernel/kprobes.c,
// arch/x86/kernel/kprobes/), and what stands for a return address that a return
// probe replaced, or for code that belongs to no function. A '*' stands for any
// end.
var machinery = []string{
	"trace_event_buffer_commit", "trace_event_raw_event_*", "kprobe_*", "kretprobe_*", "__kretprobe_*", "rethook_*",
	"arch_rethook_*", "trampoline_handler", "opt_pre_handler", "optimized_callback", "aggr_pre_handler",
	"do_int3", "exc_int3", "asm_exc_int3", "[unknown/kretprobe'd]", "0x*",
}

// push adds a frame unless it belongs to tracing.
func (e *Event) push(function string) {
	for _, m := range machinery {
		if prefix, any := strings.CutSuffix(m, "*"); function == m || any && strings.HasPrefix(function, prefix) {
			return
		}
	}
	e.Stack = append(e.Stack, function)
}

// function is the function of a frame, without offset and module.
func function(frame string) string {
	name, _, _ := strings.Cut(frame, "+0x")
	name, _, _ = strings.Cut(name, " [")
	return name
}

// thread decodes the comm and the PID with which a line begins: "td1.0-81 [000]".
// A comm may hold blanks, brackets and dashes itself.
func thread(line string) (comm string, pid int, err error) {
	cpu := strings.LastIndex(line, " [")
	if cpu < 0 {
		return "", 0, fmt.Errorf("%w: no processor in %q", ErrMalformed, line)
	}
	who := strings.TrimSpace(line[:cpu])
	dash := strings.LastIndexByte(who, '-')
	if dash < 0 {
		return "", 0, fmt.Errorf("%w: no thread in %q", ErrMalformed, line)
	}
	if pid, err = strconv.Atoi(who[dash+1:]); err != nil {
		return "", 0, fmt.Errorf("%w: thread of %q: %w", ErrMalformed, line, err)
	}
	return who[:dash], pid, nil
}

// parseLine decodes one line, of a probe or of a tracepoint, such as
//
//	c1.7-81  [000] d..1.   12.345678: register_ret: (rtnl_newlink+0x1/0x2 <- register_netdevice) ret=-22
//	c1.7-81  [000] d..1.   12.345678: percpu_free_percpu: base_addr=ffff88801e22e000 off=15260 ptr=0000000000031b9c
func parseLine(line string) (Event, error) {
	head, rest, ok := strings.Cut(line, ": ")
	if !ok {
		return Event{}, fmt.Errorf("%w: %q", ErrMalformed, line)
	}
	name, args, ok := strings.Cut(rest, ": ")
	if !ok || strings.ContainsAny(name, " \t") {
		return Event{}, fmt.Errorf("%w: %q", ErrMalformed, line)
	}
	at, err := parseTime(head[strings.LastIndexByte(head, ' ')+1:])
	if err != nil {
		return Event{}, err
	}
	e := Event{Time: at, Name: name}
	if e.Task, e.PID, err = thread(head); err != nil {
		return Event{}, err
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
		return 0, fmt.Errorf("%w: time %q", ErrMalformed, stamp)
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
			return nil, fmt.Errorf("%w: %s: %w", ErrMalformed, field, err)
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

// Sites returns the first n functions of a stack that say something: not the
// allocators', the fault injectors' and the kernel's entry.
func Sites(stack []string, n int) []string {
	frames := make([]klog.Frame, len(stack))
	for i, f := range stack {
		frames[i].Symbol = f
	}
	return klog.Sites(frames, n)
}
