package trace

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"netdev.test/teardown/initramfs/kallsyms"
	"netdev.test/teardown/initramfs/klog"
)

// An Event is one hit of a probe.
type Event struct {
	PID  int           // thread that hit it
	Task string        // its comm, if it is known
	Time time.Duration // since boot, by the trace clock
	Name string        // the probe's Event
	Args map[string]int64
	// Stack names the functions that led to the hit, the innermost first, for a
	// probe with Stack.
	Stack []string
	// Frames are the same, each with the place in the function: "kmalloc+0x2c". They
	// also have those of code that is gone, which Stack has no name for ([freed]).
	Frames []string
}

// ErrMalformed is returned for a record that is no event.
var ErrMalformed = errors.New("malformed trace record")

// machinery are the functions of tracing itself (kernel/trace/, kernel/kprobes.c,
// arch/x86/kernel/kprobes/), and what stands for a return address that a return
// probe replaced, or for code that belongs to no function. A '*' stands for any
// end.
var machinery = []string{
	"trace_event_buffer_commit", "trace_event_raw_event_*", "kprobe_*", "kretprobe_*", "__kretprobe_*", "rethook_*",
	"arch_rethook_*", "trampoline_handler", "opt_pre_handler", "optimized_callback", "aggr_pre_handler",
	"do_int3", "exc_int3", "asm_exc_int3", "[unknown/kretprobe'd]", "0x*",
}

// Push adds a frame, "kmalloc+0x2c" with or without more behind it, unless it
// belongs to tracing.
func (e *Event) Push(frame string) {
	if place, ok := freed(frame); ok && len(e.Stack) > 0 {
		e.Frames = append(e.Frames, place)
		return
	}
	name := function(frame)
	for _, m := range machinery {
		if prefix, any := strings.CutSuffix(m, "*"); name == m || any && strings.HasPrefix(name, prefix) {
			return
		}
	}
	place, _, _ := strings.Cut(frame, "/0x")
	e.Stack = append(e.Stack, name)
	e.Frames = append(e.Frames, place)
}

// freed tells calls from code apart that is not there any more: the function by which a
// module was loaded is freed after that (do_init_module() in kernel/module/main.c). It
// begins with a page, wherever that is.
func freed(frame string) (place string, ok bool) {
	address, err := strconv.ParseUint(frame, 0, 64)
	if err != nil || address < kallsyms.ModulesStart {
		return "", false
	}
	return fmt.Sprintf("freed+%#x", address%uint64(os.Getpagesize())), true
}

// function is the function of a frame, without offset and module.
func function(frame string) string {
	name, _, _ := strings.Cut(frame, "+0x")
	name, _, _ = strings.Cut(name, " [")
	return name
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
