// Package percpu tells which per-cpu memory was allocated and not freed. It
// follows the kernel's own tracepoints, because kmemleak reports leaked per-cpu
// memory from 6.12 on only.
package percpu

import (
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/trace"
)

// Tracepoints of mm/percpu.c (include/trace/events/percpu.h).
const (
	eventAlloc = "percpu_alloc_percpu"
	eventFree  = "percpu_free_percpu"
)

// eventCall is the event of a call of one of [Functions], which a tracepoint does
// not show when it is made to fail.
const eventCall = "percpu_call"

// Functions allocate per-cpu memory, all of it: mm/percpu.c of the lines from 6.10 on
// and before. The first that a kernel has counts: lib/debugobjects.c of newer ones has
// a pcpu_alloc() of its own.
var Functions = []string{"pcpu_alloc_noprof", "pcpu_alloc"}

// Probes is what must be recorded.
var Probes = []trace.Probe{
	{Event: eventAlloc, Tracepoint: "percpu"},
	{Event: eventFree, Tracepoint: "percpu"},
	{Event: eventCall, Symbol: Functions[0], Stack: true},
	{Event: eventCall, Symbol: Functions[1], Stack: true},
}

// Nth returns the functions that led to the n-th allocation that the thread
// asked for, the innermost first, n from 1.
func Nth(events []trace.Event, pid, n int) []string {
	for _, e := range events {
		if e.Name != eventCall || e.PID != pid {
			continue
		}
		if n--; n == 0 {
			return e.Stack
		}
	}
	return nil
}

// Alloc is one allocation.
type Alloc struct {
	PID   int      // thread that allocated
	Size  int64    // bytes for each processor
	Stack []string // functions that led to it, the innermost first
}

// titleFrames is how many functions a title names.
const titleFrames = 4

// Title says in one line what was allocated, the same whenever the same code
// allocates.
func (a Alloc) Title() string {
	sites := trace.Sites(a.Stack, titleFrames)
	if len(sites) == 0 {
		return "leak of per-cpu memory: no stack"
	}
	return "leak of per-cpu memory: " + strings.Join(sites, " < ")
}

// Balance is what was allocated and not freed while it listened.
type Balance struct {
	live  map[int64]int // place in all, by the address that the tracepoints print
	all   []Alloc
	calls map[int][]string // stack of the last call, by thread
	back  int              // how often something was freed that was there before
}

// Add goes on with more events of the record.
func (b *Balance) Add(events []trace.Event) {
	if b.live == nil {
		b.live, b.calls = map[int64]int{}, map[int][]string{}
	}
	for _, e := range events {
		switch e.Name {
		case eventCall:
			b.calls[e.PID] = e.Stack
		case eventAlloc:
			b.live[e.Args["ptr"]] = len(b.all)
			b.all = append(b.all, Alloc{PID: e.PID, Size: e.Args["size"], Stack: b.calls[e.PID]})
		case eventFree:
			if _, ok := b.live[e.Args["ptr"]]; !ok {
				b.back++
			}
			delete(b.live, e.Args["ptr"])
		}
	}
}

// loading reports whether a module was being loaded (kernel/module/main.c): its own
// memory is allocated then, and what its init function allocates.
func (a Alloc) loading() bool {
	return slices.ContainsFunc(a.Stack, func(f string) bool { return f == "load_module" || strings.Contains(f, "init_module") })
}

// Of returns what is left of the allocations of these threads, in the order in
// which they were made. A module that was there before, was unloaded and is loaded
// again has what it gave back: that is no leak.
func (b *Balance) Of(pids []int) []Alloc {
	left := make([]bool, len(b.all))
	for _, i := range b.live {
		left[i] = true
	}
	var out []Alloc
	back := b.back
	for i, a := range slices.Backward(b.all) {
		switch {
		case !left[i] || !slices.Contains(pids, a.PID):
		case back > 0 && a.loading():
			back--
		default:
			out = append(out, a)
		}
	}
	slices.Reverse(out)
	return out
}
