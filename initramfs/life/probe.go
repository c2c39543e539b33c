// Package life is the oracle of a net device's life: it turns the events of
// probes into one history for each device, and checks what net/core/dev.c
// promises about the order of its steps, how often each happens, and at which
// exit of register_netdevice() which cleanup runs. From the same events it
// knows which devices were allocated and not given back.
package life

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/initramfs/trace"
)

// Names of our trace events. A kind's driver functions have events of their
// own, whose names end in the kind's.
const (
	eventAlloc      = "alloc"
	eventAllocEnter = "alloc_enter"
	eventList       = "list"
	eventFlushUC    = "flush_uc"
	eventFlushMC    = "flush_mc"
	eventUninit     = "uninit_"
	eventUnkobject  = "unkobject"
	eventWait       = "wait"
	syncSuffix      = "_sync" // of the other function that stands for eventWait
	eventRefcntRet  = "refcnt_ret"
	eventDestructor = "destructor_"
	eventFree       = "free"
	eventRelease    = "release"
)

// Names of the events that [trace.Registration] and [trace.Init] set.
const (
	eventRegister    = "register"
	eventRegisterRet = "register_ret"
	eventInitRet     = "init_ret_"
	eventNotify      = "notify"
	eventNotifyRet   = "notify_ret"
	eventKobjectRet  = "kobject_ret"
)

// Fields of struct net_device that the probes fetch (include/linux/netdevice.h).
const (
	fieldDev        = "net_device.dev"
	fieldState      = "net_device.reg_state"
	fieldNeeds      = "net_device.needs_free_netdev"
	fieldDestructor = "net_device.priv_destructor"
	fieldRefs       = "net_device.dev_refcnt" // not there with CONFIG_PCPU_DEV_REFCNT
)

// Symbols are the functions of a kind's driver. An empty one means that the
// kind has none; priv_destructor counts only if the driver sets it before it
// calls register_netdevice().
type Symbols struct{ Kind, NdoInit, NdoUninit, PrivDestructor string }

// A Range is where a function's code is.
type Range struct{ Start, End uint64 }

// Kernel is what must be known of a kernel to set probes in it.
type Kernel struct {
	Release string                // as uname -r prints it
	Layout  map[string]kmod.Field // of struct net_device, as the module teardown tells it
	Core    Range                 // of netdev_run_todo(), see [Core]
	Kinds   []Symbols             // whose drivers' functions are probed
}

// coreSymbol is the function by which the core frees a device
// (net/core/dev.c).
const coreSymbol = "netdev_run_todo"

// Core finds netdev_run_todo() in the table of kernel/kallsyms.c, which is
// sorted by address. The range is empty when the table does not have it.
func Core(kallsyms io.Reader) (Range, error) {
	var r Range
	s := bufio.NewScanner(kallsyms)
	for s.Scan() {
		text, rest, _ := strings.Cut(s.Text(), " ")
		_, name, _ := strings.Cut(rest, " ")
		if r.Start == 0 && name != coreSymbol {
			continue
		}
		address, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			return Range{}, fmt.Errorf("find %s: %w", coreSymbol, err)
		}
		if r.Start == 0 {
			r.Start = address
		} else if address > r.Start {
			r.End = address
			return r, nil
		}
	}
	return Range{}, s.Err()
}

// fetch is one argument of a probe: the field is read from the device at
// address, and left out when the layout does not have it.
type fetch struct{ name, field, typ string }

// fetched are the fields that events may carry, in the order of their Args.
var (
	fetchState      = fetch{"state", fieldState, "u8"}
	fetchNeeds      = fetch{"needs", fieldNeeds, "u8"}
	fetchRefs       = fetch{"refs", fieldRefs, "s32"}
	fetchDestructor = fetch{"destructor", fieldDestructor, "x64"}
)

// A point is a function that is probed for its argument, the device.
type point struct {
	event, symbol string
	fetches       []fetch
	extra         string // further arguments
	filter        string // on the state, if it is fetched
}

// points are the probes that need nothing but the device's address in the
// function's first argument. netdev_unregister_kobject() is in
// net/core/net-sysfs.c, dev_uc_flush() and dev_mc_flush() are in
// net/core/dev_addr_lists.c, linkwatch_*() in net/core/link_watch.c, the others
// in net/core/dev.c.
var points = []point{
	{event: eventList, symbol: "list_netdevice", fetches: []fetch{fetchState}},
	{event: eventFlushUC, symbol: "dev_uc_flush", fetches: []fetch{fetchState}, filter: unregistering},
	{event: eventFlushMC, symbol: "dev_mc_flush", fetches: []fetch{fetchState}, filter: unregistering},
	{event: eventUnkobject, symbol: "netdev_unregister_kobject", fetches: []fetch{fetchState}},
	// netdev_run_todo() calls it for each device before it waits for its
	// references: linkwatch_forget_dev() in 5.10 and 6.1, linkwatch_sync_dev()
	// in 6.12 and since.
	{event: eventWait, symbol: "linkwatch_forget_dev", fetches: waitFetches, filter: unregistered},
	{event: eventWait + syncSuffix, symbol: "linkwatch_sync_dev", fetches: waitFetches, filter: unregistered},
	{event: eventFree, symbol: "free_netdev", fetches: []fetch{fetchState, fetchNeeds}, extra: "caller=$stack0:x64"},
}

var waitFetches = []fetch{fetchState, fetchNeeds, fetchRefs, fetchDestructor}

// Filters by dev->reg_state. Drivers flush address lists too, and user space
// has linkwatch synchronised.
var (
	unregistering = fmt.Sprintf("state==%d", stateUnregistering)
	unregistered  = fmt.Sprintf("state==%d", stateUnregistered)
)

// Probes returns all probes that the record needs, those of [trace.Registration]
// and on every kind's ndo_init among them, so that none is set twice.
func (k Kernel) Probes() []trace.Probe {
	var probes []trace.Probe
	for _, p := range trace.Registration {
		switch p.Event {
		case eventNotify:
			p.Args += k.args("+0($arg2)", true, fetchState) + k.preUninit()
		case eventRegister:
			p.Args += k.args("$arg1", false, fetchDestructor)
		}
		probes = append(probes, p)
	}
	probes = append(probes, k.allocProbes()...)
	for _, p := range points {
		probes = append(probes, k.probe(p))
	}
	probed := map[string]bool{}
	for _, kind := range k.Kinds {
		probes = append(probes, k.kindProbes(kind, probed)...)
	}
	if _, ok := k.Layout[fieldRefs]; !ok {
		probes = append(probes, k.refcntProbe())
	}
	return append(probes, k.releaseProbe())
}

// refcntProbe stands in for a counter in struct net_device, where there is one
// for each processor. The last reference is the core's own from 5.13 on.
func (k Kernel) refcntProbe() trace.Probe {
	last := 0
	if k.since(5, 13) {
		last = 1
	}
	return trace.Probe{Event: eventRefcntRet, Symbol: "netdev_refcnt_read", Return: true, Args: fmt.Sprintf(`ret=$retval:s32 last=\%d:s32`, last)}
}

// preUninit marks the value of NETDEV_PRE_UNINIT in kernels that have it (from
// 6.2 on, include/linux/netdevice.h); it was another's before.
func (k Kernel) preUninit() string {
	if !k.since(6, 2) {
		return ""
	}
	return ` pre=\18:u8`
}

// allocProbes record a device's address when alloc_netdev_mqs() returns it, with
// the stack. Before 6.1 a return has none: there it is recorded at the entry.
func (k Kernel) allocProbes() []trace.Probe {
	p := trace.Probe{Event: eventAlloc, Symbol: "alloc_netdev_mqs", Return: true, Args: "dev=$retval:x64"}
	if k.since(6, 1) {
		p.Stack = true
		return []trace.Probe{p}
	}
	return []trace.Probe{{Event: eventAllocEnter, Symbol: p.Symbol, Stack: true}, p}
}

func (k Kernel) probe(p point) trace.Probe {
	probe := trace.Probe{Event: p.event, Symbol: p.symbol, Args: strings.TrimSpace(k.args("$arg1", true, p.fetches...) + " " + p.extra)}
	if _, ok := k.Layout[fieldState]; ok {
		probe.Filter = p.filter
	}
	if p.event == eventFree && k.Core.End != 0 {
		probe.Args += fmt.Sprintf(` core=\%#x:x64 end=\%#x:x64`, k.Core.Start, k.Core.End)
	}
	return probe
}

// kindProbes are those on the functions of a kind's driver. A function that
// several drivers share is probed once, for the first of them.
func (k Kernel) kindProbes(s Symbols, probed map[string]bool) []trace.Probe {
	var probes []trace.Probe
	for _, f := range s.functions() {
		if f.symbol == "" || probed[f.symbol] {
			continue
		}
		probed[f.symbol] = true
		if f.fetches == nil {
			probes = append(probes, trace.Init(s.Kind, f.symbol))
			continue
		}
		probes = append(probes, k.probe(point{event: f.event + s.Kind, symbol: f.symbol, fetches: f.fetches}))
	}
	return probes
}

// function is one of a driver's functions, and the event that its probe makes,
// without the kind's name.
type function struct {
	event, symbol string
	fetches       []fetch // nil for ndo_init, of which the return is probed
}

// functions are those that the kind may have.
func (s Symbols) functions() []function {
	return []function{
		{eventInitRet, s.NdoInit, nil},
		{eventUninit, s.NdoUninit, []fetch{fetchState}},
		{eventDestructor, s.PrivDestructor, []fetch{fetchState, fetchRefs}},
	}
}

// releaseProbe is on netdev_release() of net/core/net-sysfs.c, whose argument is
// &dev->dev.
func (k Kernel) releaseProbe() trace.Probe {
	p := trace.Probe{Event: eventRelease, Symbol: "netdev_release", Args: "dev=$arg1:x64"}
	dev, ok := k.Layout[fieldDev]
	if !ok {
		return p
	}
	p.Args += fmt.Sprintf(` off=\%d:u32`, dev.Offset)
	if state, ok := k.Layout[fieldState]; ok {
		p.Args += fmt.Sprintf(" state=%+d($arg1):u8", state.Offset-dev.Offset)
	}
	return p
}

// args returns the arguments that fetch the device's address and fields.
func (k Kernel) args(device string, address bool, fetches ...fetch) string {
	var b strings.Builder
	if address {
		fmt.Fprintf(&b, " dev=%s:x64", device)
	}
	for _, f := range fetches {
		if at, ok := k.Layout[f.field]; ok {
			fmt.Fprintf(&b, " %s=+%d(%s):%s", f.name, at.Offset, device, f.typ)
		}
	}
	return b.String()
}

// since reports whether the kernel is of the version or newer. One that has no
// version is taken for the newest.
func (k Kernel) since(major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(k.Release, "%d.%d", &a, &b); n < 2 {
		return true
	}
	return a > major || a == major && b >= minor
}

// optional are the arguments of events without which some promises cannot be
// judged.
var optional = map[string][]string{
	eventNotify:  {"state", "pre"},
	eventWait:    {"needs"},
	eventFree:    {"state", "needs", "core"},
	eventRelease: {"off"},
}

// Absent names what cannot be seen in this kernel, given which of [Kernel.Probes]
// could be set: events, as "list", and arguments of events, as "free.needs".
func (k Kernel) Absent(has func(event string) bool) map[string]bool {
	absent := map[string]bool{}
	for _, p := range k.Probes() {
		if !has(p.Event) {
			absent[p.Event] = true
			continue
		}
		for _, arg := range optional[strings.TrimSuffix(p.Event, syncSuffix)] {
			if !strings.Contains(p.Args, " "+arg+"=") {
				absent[strings.TrimSuffix(p.Event, syncSuffix)+"."+arg] = true
			}
		}
	}
	if has(eventWait + syncSuffix) {
		delete(absent, eventWait)
	}
	owner := map[string]string{}
	for _, s := range k.Kinds {
		s.lacks(owner, absent)
	}
	_, counted := k.Layout[fieldRefs]
	if !counted && absent[eventRefcntRet] {
		absent["destructor.refs"] = true
	}
	return absent
}

// lacks adds the functions that the kind's driver does not have, and those that
// it shares with another kind for which they cannot be seen. owner has, by
// function, the kind that it is probed for.
func (s Symbols) lacks(owner map[string]string, absent map[string]bool) {
	for _, f := range s.functions() {
		first, shared := owner[f.symbol]
		switch {
		case f.symbol == "":
			absent[f.event+s.Kind] = true
		case !shared:
			owner[f.symbol] = s.Kind
		case absent[f.event+first]:
			absent[f.event+s.Kind] = true
		}
	}
}
