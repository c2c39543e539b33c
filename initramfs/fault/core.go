package fault

import (
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/trace"
)

// roots are the functions of net/core/dev.c that register and unregister a device of
// whatever kind. 5.10 has no unregister_netdevice_many_notify().
var roots = []string{
	"register_netdevice",
	"unregister_netdevice_many_notify", "unregister_netdevice_many",
	"netdev_run_todo",
}

// notifierChain leads from a root to a notifier's callback (net/core/dev.c,
// kernel/notifier.c). The callback is what tells these calls apart.
var notifierChain = []string{
	"call_netdevice_notifiers", "call_netdevice_notifiers_info", "call_netdevice_notifiers_extack",
	"raw_notifier_call_chain", "raw_notifier_call_chain_robust", "notifier_call_chain",
}

// Core is what a device of the plainest kind allocates on its way through the roots:
// the call stacks as [Asked] returns them, from the one who asks the allocator up to the
// root. Nothing there belongs to a driver.
type Core map[string]bool

// NewCore returns the core's part of the call stacks.
func NewCore(sites []string) Core {
	core := Core{}
	for _, site := range sites {
		if below, _, ok := cutRoot(site); ok {
			core[asker(below)] = true
		}
	}
	return core
}

// asker leaves out the allocator's own functions, of which there are more where a slab
// cache needs a page.
func asker(frames []string) string {
	for len(frames) > 0 && len(trace.Sites([]string{name(frames[0])}, 1)) == 0 {
		frames = frames[1:]
	}
	return strings.Join(frames, " ")
}

// Class names what a driver can tell of a failure at this call stack. Where the
// allocation is the core's own that is the call of the root in which it failed, and
// how the root was called; else the whole call stack.
func (c Core) Class(site string) string {
	below, above, ok := cutRoot(site)
	if !ok || !c[asker(below)] {
		return site
	}
	call := len(below) - 2 // below the root
	for call > 0 && slices.Contains(notifierChain, name(below[call])) {
		call--
	}
	return strings.Join(append(slices.Clone(below[max(call, 0):]), above...), " ")
}

// cutRoot cuts a call stack, the innermost function first, behind the outermost root; of
// roots that call each other at once, behind the innermost.
func cutRoot(site string) (below, above []string, ok bool) {
	frames := strings.Fields(site)
	i := len(frames) - 1
	for ; i >= 0 && !isRoot(frames[i]); i-- {
	}
	for ; i > 0 && isRoot(frames[i-1]); i-- {
	}
	return frames[:i+1], frames[i+1:], i >= 0
}

func isRoot(frame string) bool { return slices.Contains(roots, name(frame)) }

// name is the function of a frame, without the offset and what the compiler may have
// added ("notifier_call_chain.part.0+0x2c").
func name(frame string) string {
	name, _, _ := strings.Cut(frame, "+0x")
	name, _, _ = strings.Cut(name, ".")
	return name
}
