// Package percpu tells which per-cpu memory was allocated and not freed, or freed
// twice. It follows the kernel's own tracepoints: kmemleak reports leaked per-cpu
// memory from 6.12 on only, and nothing else a second free, which takes away what
// another allocated meanwhile (pcpu_free_area() in mm/percpu.c).
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

// Title says in one line what leaked, the same whenever the same code allocates.
func (a Alloc) Title() string { return "leak of per-cpu memory: " + a.place() }

// TwiceTitle says in one line what was freed twice, by the place of its allocation.
func (a Alloc) TwiceTitle() string { return "per-cpu memory freed twice: " + a.place() }

// place names the functions that allocated.
func (a Alloc) place() string {
	if sites := trace.Sites(a.Stack, titleFrames); len(sites) > 0 {
		return strings.Join(sites, " < ")
	}
	return "no stack"
}

// Balance is what was allocated and not freed while it listened.
type Balance struct {
	live  map[int64]int // place in all, by the address that the tracepoints print
	all   []Alloc
	calls map[int][]string // stack of the last call, by thread
	back  int              // how often something was freed that was there before
	freed map[int64]Alloc  // what is free again, by its address; the zero value for what was there before
	twice []Alloc          // what was freed once more
}

// Add goes on with more events of the record.
func (b *Balance) Add(events []trace.Event) {
	if b.live == nil {
		b.live, b.calls, b.freed = map[int64]int{}, map[int][]string{}, map[int64]Alloc{}
	}
	for _, e := range events {
		switch e.Name {
		case eventCall:
			b.calls[e.PID] = e.Stack
		case eventAlloc:
			b.live[e.Args["ptr"]] = len(b.all)
			delete(b.freed, e.Args["ptr"])
			b.all = append(b.all, Alloc{PID: e.PID, Size: e.Args["size"], Stack: b.calls[e.PID]})
		case eventFree:
			b.free(e.Args["ptr"])
		}
	}
}

// free notes that what is at that address was freed.
func (b *Balance) free(ptr int64) {
	i, live := b.live[ptr]
	before, again := b.freed[ptr]
	switch {
	case live:
		delete(b.live, ptr)
		b.freed[ptr] = b.all[i]
	case again:
		b.twice = append(b.twice, before)
	default:
		b.back++
		b.freed[ptr] = Alloc{}
	}
}

// Twice returns what was freed when it was free already, with the stack of its
// allocation if that is in the record.
func (b *Balance) Twice() []Alloc { return b.twice }

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
