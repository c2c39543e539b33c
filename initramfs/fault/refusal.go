package fault

import (
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/kallsyms"
	"netdev.test/teardown/initramfs/trace"
)

// EventRefused is the trace event of an allocation that was made to fail.
const EventRefused = "refused"

// Symbols are the functions by which it is known what an injector refused.
var Symbols = []string{shouldFail, shouldFailOld, rateLimit}

const (
	// shouldFail of lib/fault-inject.c decides. It is there from 6.1 on.
	shouldFail    = "should_fail_ex"
	shouldFailOld = "should_fail"
	// rateLimit of lib/ratelimit.c is asked in fail_dump(), and nowhere else
	// on the way of an allocation. Kernels that have no should_fail_ex() cannot
	// unwind the stack when a probed function returns.
	rateLimit = "___ratelimit"
)

// RefusalProbe is the probe that records what an injector refuses.
func RefusalProbe(symbols kallsyms.Symbols) trace.Probe {
	if _, ok := symbols[shouldFail]; ok {
		return trace.Probe{Event: EventRefused, Symbol: shouldFail, Return: true, Args: "ret=$retval:u8", Filter: "ret != 0", Stack: true}
	}
	return trace.Probe{Event: EventRefused, Symbol: rateLimit, Stack: true}
}

// EventAsked is the trace event of an allocation for which an injector was asked.
const EventAsked = "asked"

// AskedProbe is the probe that records, while it is on, each allocation that
// fail-nth counts.
func AskedProbe(symbols kallsyms.Symbols) trace.Probe {
	p := trace.Probe{Event: EventAsked, Symbol: shouldFail, Args: "attr=$arg1:x64", Stack: true, Idle: true}
	if _, ok := symbols[shouldFail]; !ok {
		p.Symbol = shouldFailOld
	}
	return p
}

// Asked returns the call stacks of the first n allocations of the thread that the
// injectors were asked about, in order, as one string each. A stack begins with
// the caller of the allocator.
func Asked(events []trace.Event, tid, n int) []string {
	var stacks []string
	for _, e := range events {
		if e.Name == EventAsked && e.PID == tid && len(stacks) < n {
			stacks = append(stacks, Site(e))
		}
	}
	return stacks
}

// RefusedSite returns the call stack of the allocation that was refused, as
// [Asked] does, or "".
func RefusedSite(events []trace.Event) string {
	for _, e := range events {
		if e.Name == EventRefused && len(e.Stack) > 0 {
			return Site(e)
		}
	}
	return ""
}

// Site names the call stack of an allocation, from the function that asks the
// injector on.
func Site(e trace.Event) string {
	last := -1
	for i, f := range e.Stack {
		if strings.Contains(f, "should_fail") {
			last = i
		}
	}
	return strings.Join(e.Frames[last+1:], " ")
}

// Refused returns the functions that led to the allocation that was refused, the
// innermost first, or nothing when the record does not show it.
func Refused(events []trace.Event) []string {
	for _, e := range events {
		if e.Name == EventRefused && slices.ContainsFunc(e.Stack, func(f string) bool { return strings.Contains(f, "should_fail") }) {
			return e.Stack
		}
	}
	return nil
}

// detectorFunctions allocate for the detectors behind the code under test:
// mm/kmemleak.c, lib/stackdepot.c, lib/ref_tracker.c, lib/debugobjects.c,
// mm/kasan and, for allocation profiling, mm/slub.c. What they are refused tests them, not
// the device.
var detectorFunctions = []string{
	"create_object", "__create_object", "__alloc_object", "mem_pool_alloc", "kmemleak_alloc", "kmemleak_alloc_percpu",
	"__stack_depot_save", "stack_depot_save", "stack_depot_save_flags", "depot_alloc_stack",
	"ref_tracker_alloc", "ref_tracker_free", "fill_pool", "debug_objects_fill_pool", "kasan_save_stack",
	"alloc_slab_obj_exts", "prepare_slab_obj_exts_hook", "alloc_tagging_slab_alloc_hook",
}

// Detector returns the function of a detector on whose behalf the stack
// allocates, or "".
func Detector(stack []string) string {
	for _, f := range stack {
		name, _, _ := strings.Cut(f, ".")
		if slices.Contains(detectorFunctions, name) {
			return name
		}
	}
	return ""
}

// detectors reports whether an allocation at this call stack is a detector's own.
func detectors(site string) bool {
	frames := strings.Fields(site)
	for i, f := range frames {
		frames[i] = name(f)
	}
	return Detector(frames) != ""
}
