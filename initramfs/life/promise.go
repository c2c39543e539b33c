package life

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"netdev.test/teardown/initramfs/trace"
)

// A Violation is a promise that the kernel broke for one device.
type Violation struct {
	Title  string // the same whenever the same promise is broken
	Detail string // who promises it, and what was observed beside what is promised
}

// A promise is one assertion about a device's history.
type promise struct {
	title  string // what is wrong when it is broken
	source string // function that promises it
	since  string // the first kernel line for which it holds
	// needs are the events, and the arguments of events, without which it
	// cannot be judged. The name of a driver's event ends in the kind's.
	needs  []string
	broken func(d *Device) bool
}

// argPre is the argument that tells NETDEV_PRE_UNINIT, in kernels that have it.
const argPre = eventNotify + ".pre"

// The functions that make promises.
const (
	inRegister   = "register_netdevice() in net/core/dev.c"
	inUnregister = "unregister_netdevice_many() in net/core/dev.c" // 5.10; since 6.1 unregister_netdevice_many_notify()
	inMove       = "dev_change_net_namespace() in net/core/dev.c"  // 5.10; since 6.1 __dev_change_net_namespace()
	inClose      = "__dev_close_many() and dev_close_many() in net/core/dev.c"
	inTodo       = "netdev_run_todo() in net/core/dev.c"
	inWait       = "netdev_wait_allrefs() in net/core/dev.c" // 5.10; since 6.1 netdev_wait_allrefs_any()
	inFree       = "free_netdev() in net/core/dev.c"
	inRelease    = "netdev_release() in net/core/net-sysfs.c"
)

// promises are all of them, in the order of a device's life. What must not
// happen twice is counted over the device's end too.
var promises = []promise{
	// register_netdevice()
	{"NETDEV_POST_INIT before ndo_init", inRegister, "5.10", []string{eventInitRet, eventNotify}, without(Init, PostInit)},
	{"netdev_register_kobject() before NETDEV_POST_INIT", inRegister, "5.10", []string{eventKobjectRet, eventNotify}, without(PostInit, KobjectAdd)},
	{"list_netdevice() before netdev_register_kobject()", inRegister, "5.10", []string{eventList, eventKobjectRet}, without(KobjectAdd, List)},
	{"NETDEV_REGISTER before list_netdevice()", inRegister, "5.10", []string{eventList, eventNotify}, without(List, Announced)},
	{"NETDEV_REGISTER twice", inRegister, "5.10", []string{eventNotify}, twice(Announced)},
	{"ndo_uninit at an exit before ndo_init succeeded", inRegister, "5.10", exitNeeds(eventUninit), cleanedUp(Uninit)},
	{"priv_destructor at an exit before ndo_init succeeded", inRegister, "5.10", exitNeeds(eventDestructor), cleanedUp(Destructor)},
	{"no ndo_uninit at an exit after ndo_init", inRegister, "5.10", exitNeeds(eventUninit), notCleanedUp(Uninit)},
	{"no priv_destructor at an exit after ndo_init", inRegister, "5.10", exitNeeds(eventDestructor), notCleanedUp(Destructor)},
	{"needs_free_netdev left set when NETDEV_REGISTER was vetoed", inRegister, "5.10", []string{eventNotifyRet, "free.state", "wait.needs"}, leftNeeding},
	// Up and down, from one namespace to another
	{"NETDEV_DOWN without NETDEV_GOING_DOWN", inClose, "5.10", []string{eventNotify}, downAtOnce},
	{"NETDEV_UNREGISTER without the NETDEV_REGISTER of a move", inMove, "5.10", []string{"notify.state"}, lostInMove},
	// unregister_netdevice_many()
	{"NETDEV_UNREGISTER of a device that is up", inUnregister, "5.10", []string{eventNotify}, unregisteredUp},
	{"NETDEV_UNREGISTER without NETDEV_REGISTER before it", inUnregister, "5.10", []string{"notify.state"}, without(Announced, Unregister)},
	{"NETDEV_UNREGISTER twice", inUnregister, "5.10", []string{"notify.state"}, twice(Unregister)},
	{"NETDEV_REGISTER not answered by NETDEV_UNREGISTER", inUnregister, "5.10", []string{eventNotify}, unanswered(Announced)},
	{"listed device freed without NETDEV_UNREGISTER", inUnregister, "5.10", []string{eventList, eventNotify}, unanswered(List)},
	{"address lists not flushed between NETDEV_UNREGISTER and ndo_uninit", inUnregister, "5.10", []string{eventFlushUC, eventFlushMC, eventNotify}, notFlushed},
	{"no NETDEV_PRE_UNINIT before ndo_uninit", inUnregister, "6.2", []string{argPre, eventKobjectRet}, notWarned},
	{"NETDEV_PRE_UNINIT of a device without a kobject", inRegister, "6.2", []string{argPre, eventKobjectRet}, without(KobjectAdd, PreUninit)},
	{"ndo_uninit without NETDEV_UNREGISTER before it", inUnregister, "5.10", exitNeeds(eventUninit), uninitAlone},
	{"no ndo_uninit before netdev_unregister_kobject()", inUnregister, "5.10", []string{eventUninit}, without(Uninit, KobjectDel)},
	{"ndo_uninit twice", inUnregister, "5.10", []string{eventUninit}, twice(Uninit)},
	{"netdev_unregister_kobject() without NETDEV_UNREGISTER before it", inUnregister, "5.10", []string{eventNotify}, without(Unregister, KobjectDel)},
	{"netdev_unregister_kobject() without a kobject", inUnregister, "5.10", []string{eventKobjectRet}, noKobject},
	{"netdev_unregister_kobject() twice", inUnregister, "5.10", nil, twice(KobjectDel)},
	// netdev_run_todo()
	{"kobject not removed before the wait for references", inTodo, "5.10", []string{eventUnkobject, eventWait}, without(KobjectDel, Wait)},
	{"NETDEV_UNREGISTER repeated in less than a second", inWait, "5.10", []string{"notify.state", eventWait}, impatient},
	{"NETDEV_UNREGISTER not repeated during the wait for references", inWait, "5.10", []string{"notify.state", eventWait}, silent},
	{"priv_destructor before ndo_uninit", inTodo, "5.10", exitNeeds(eventUninit, eventDestructor), destroyedFirst},
	{"priv_destructor before the wait for references", inTodo, "5.10", exitNeeds(eventDestructor, eventWait), destroyedEarly},
	{"priv_destructor with references left", inTodo, "5.10", exitNeeds(eventDestructor, eventWait, "destructor.refs"), destroyedHeld},
	{"no priv_destructor after the wait for references", inTodo, "5.10", []string{eventDestructor, eventWait, "free.state"}, notDestroyed},
	{"priv_destructor twice", inTodo, "5.10", []string{eventDestructor}, twice(Destructor)},
	{"free_netdev() before priv_destructor", inTodo, "5.10", []string{eventDestructor, "free.state"}, freedFirst},
	{"free_netdev() before the wait for references", inTodo, "5.10", []string{eventWait, "free.state"}, freedEarly},
	{"free_netdev() by the core without needs_free_netdev", inTodo, "5.10", []string{"free.needs", "free.core"}, freedUnasked},
	{"needs_free_netdev, and no free_netdev() by the core", inTodo, "5.10", []string{"wait.needs", "free.core", "free.state"}, notFreed},
	{"free_netdev() by the core and by the driver", inTodo, "5.10", []string{"free.state", "free.core"}, freedByBoth},
	// free_netdev() and the end
	{"free_netdev() twice", inFree, "5.10", []string{"free.state"}, freedTwice},
	{"memory of a registered device freed at once", inFree, "5.10", []string{"free.state", eventKobjectRet}, freedAtOnce},
	{"device released before free_netdev()", inRelease, "5.10", []string{eventFree}, releasedFirst},
	{"device released twice", inRelease, "5.10", []string{eventRelease}, twice(Release)},
	{"used after its memory was freed", inRelease, "5.10", []string{eventAlloc, eventRelease, "free.state"}, usedLate},
	{"memory given back without free_netdev() and device release", inRelease, "5.10", []string{eventAlloc, eventRelease, eventFree}, func(d *Device) bool { return d.Reused }},
}

// exitNeeds adds what tells the exits apart.
func exitNeeds(events ...string) []string {
	return append(events, eventInitRet, eventRegister, eventRegisterRet, eventKobjectRet, eventNotify, eventNotifyRet)
}

// Check returns the promises that were broken for the device. absent holds what
// cannot be seen in this kernel, as [Kernel.Absent] names it; promises that need
// it are not judged, and [Skipped] names them. Neither is what may have happened
// before the record began or after its end.
func Check(d *Device, absent map[string]bool) []Violation {
	var violations []Violation
	for _, p := range promises {
		if p.judged(d, absent) && p.broken(d) {
			violations = append(violations, Violation{
				Title:  p.title,
				Detail: fmt.Sprintf("broken promise of %s, from %s on\n%s", p.source, p.since, d.Compare(absent)),
			})
		}
	}
	return violations
}

// judged reports whether all that the promise needs can be seen.
func (p promise) judged(d *Device, absent map[string]bool) bool {
	return !slices.ContainsFunc(p.needs, func(need string) bool {
		if strings.HasSuffix(need, "_") {
			return d.Kind == "" || absent[need+d.Kind]
		}
		event, _, _ := strings.Cut(need, ".")
		return absent[need] || absent[event]
	})
}

// Skipped names the promises that cannot be judged in a kernel in which absent
// cannot be seen, with what each lacks. What a kind's driver or the kernel does
// not have, and so does not promise, is no lack.
func Skipped(absent map[string]bool) []string {
	var skipped []string
	for _, p := range promises {
		for _, need := range p.needs {
			event, _, _ := strings.Cut(need, ".")
			if need != argPre && absent[need] || absent[event] {
				skipped = append(skipped, fmt.Sprintf("%s: cannot see %s", p.title, need))
				break
			}
		}
	}
	return skipped
}

// Exits of register_netdevice() by what it must undo: nothing that the driver
// did, or everything, before it returns.
var (
	beforeInit = []trace.Exit{trace.Killed, trace.Ethtool, trace.Name, trace.NameNode, trace.NdoInit}
	unwound    = []trace.Exit{trace.BuggyVLAN, trace.PcpuStats, trace.Index, trace.PostInit, trace.Kobject, trace.Queues}
)

func (d *Device) leftBy(exits []trace.Exit) bool { return slices.Contains(exits, d.Exit()) }

// find returns the first step from i on that has one of the names, or -1.
func (d *Device) find(i int, names ...string) int {
	for ; i < len(d.Steps); i++ {
		if slices.Contains(names, d.Steps[i].Name) {
			return i
		}
	}
	return -1
}

// sees reports whether the step, if it happened, is in the record: it is not
// when the record began later in the device's life. A record that began within
// register_netdevice() does not even tell which path the device is on.
func (d *Device) sees(name string) bool {
	first := d.Steps[0]
	within := slices.Index(order, first.Name) <= slices.Index(order, Returned) && first.Name != Register
	cleanup := slices.Contains(warnedCleanup, first.Name) && first.Args["state"] != stateUnregistering
	return d.Begun || !within && !cleanup && slices.Index(order, first.Name) <= slices.Index(order, name)
}

// lacks reports whether none of the names is among the first n steps, though
// each of them would be in the record.
func (d *Device) lacks(n int, names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		return !d.sees(name) || slices.ContainsFunc(d.Steps[:n], func(s Step) bool { return s.Name == name })
	})
}

// any reports whether a step in the device's life, which is step i, has the name
// and is as holds says.
func (d *Device) any(name string, holds func(i int, s Step) bool) bool {
	for i, s := range d.Steps {
		if s.Name == name && !s.Late && holds(i, s) {
			return true
		}
	}
	return false
}

// without is broken by a step then that first does not precede.
func without(first, then string) func(*Device) bool {
	return func(d *Device) bool {
		return d.any(then, func(i int, s Step) bool { return d.lacks(i, first) && !(then == List && !s.Inside) })
	}
}

// twice is broken by a second step of the name.
func twice(name string) func(*Device) bool {
	return func(d *Device) bool {
		i := d.find(0, name)
		return i >= 0 && d.find(i+1, name) >= 0
	}
}

// cleanedUp is broken by the core cleaning up what ndo_init did not set up. What
// a driver calls inside its ndo_init is its own affair.
func cleanedUp(name string) func(*Device) bool {
	return func(d *Device) bool {
		return d.leftBy(beforeInit) && d.any(name, func(i int, s Step) bool {
			return s.Inside && d.find(i, Init) < 0
		})
	}
}

// notCleanedUp is broken by a refusal after ndo_init without the cleanup.
func notCleanedUp(name string) func(*Device) bool {
	return func(d *Device) bool {
		if !d.leftBy(unwound) || name == Destructor && !d.destructible(Register) {
			return false
		}
		return !d.any(name, func(_ int, s Step) bool { return s.Inside })
	}
}

// destructible reports whether the device had a priv_destructor at the step, if
// that is known.
func (d *Device) destructible(step string) bool {
	i := d.find(0, step)
	if i < 0 {
		return false
	}
	destructor, known := d.Steps[i].Args["destructor"]
	return !known || destructor != 0
}

// unwinding reports whether the step is one by which register_netdevice()
// itself cleans up, or may turn out to be one.
func (d *Device) unwinding(s Step) bool { return s.Inside && (d.leftBy(unwound) || d.Exit() == "") }

func uninitAlone(d *Device) bool {
	return d.any(Uninit, func(i int, s Step) bool {
		return !d.unwinding(s) && !d.leftBy(beforeInit) && d.lacks(i, Unregister)
	})
}

func leftNeeding(d *Device) bool {
	i := d.find(0, Wait)
	return d.Exit() == trace.Register && i >= 0 && d.Steps[i].Args["needs"] != 0 && d.lacks(i, FreeAsked)
}

func downAtOnce(d *Device) bool {
	return d.any(Down, func(i int, _ Step) bool {
		up := d.last(i, Up)
		return up >= 0 && d.last(i, GoingDown) < up
	})
}

// last returns the last step of the name among the first n, or -1.
func (d *Device) last(n int, name string) int {
	for i := n - 1; i >= 0; i-- {
		if d.Steps[i].Name == name {
			return i
		}
	}
	return -1
}

func lostInMove(d *Device) bool {
	return d.any(Unregister, func(i int, _ Step) bool { return d.last(i, MovedOut) > d.last(i, MovedIn) })
}

func unregisteredUp(d *Device) bool {
	return d.any(Unregister, func(i int, _ Step) bool { return d.last(i, Up) > d.last(i, Down) })
}

// unanswered is broken by a step to which UNREGISTER is the answer, if the
// device was freed without one.
func unanswered(step string) func(*Device) bool {
	return func(d *Device) bool {
		i, freed := d.find(0, step), d.find(0, FreeCore, Free, Release)
		return i >= 0 && i < freed && d.lacks(freed, Unregister)
	}
}

// torn returns the steps from UNREGISTER to ndo_uninit, or to the end of the
// kobject where there is no ndo_uninit.
func (d *Device) torn() []Step {
	end := d.find(0, KobjectDel)
	begin := d.last(max(end, 0), Unregister)
	if begin < 0 || d.Steps[end].Late {
		return nil
	}
	if i := d.find(begin, Uninit); i >= 0 && i < end {
		end = i
	}
	return d.Steps[begin:end]
}

func named(name string) func(Step) bool { return func(s Step) bool { return s.Name == name } }

func notFlushed(d *Device) bool {
	steps := d.torn()
	return steps != nil && !(slices.ContainsFunc(steps, named(FlushUC)) && slices.ContainsFunc(steps, named(FlushMC)))
}

func notWarned(d *Device) bool {
	steps := d.torn()
	if d.Exit() == trace.Kobject || d.Exit() == trace.Queues {
		steps = d.Steps[:d.find(0, Returned)]
		if i := d.find(0, Uninit); i >= 0 && i < len(steps) {
			steps = steps[:i]
		}
	}
	return steps != nil && !slices.ContainsFunc(steps, named(PreUninit))
}

func noKobject(d *Device) bool {
	return d.any(KobjectDel, func(i int, _ Step) bool {
		return d.sees(KobjectAdd) && !slices.ContainsFunc(d.Steps[:i], func(s Step) bool {
			return s.Name == KobjectAdd && s.Args["ret"] == 0
		})
	})
}

// How often netdev_wait_allrefs() repeats the notification, in jiffies that the
// trace clock does not count, and for how long it may be late: each round waits
// for a grace period, in a guest that may be emulated.
const (
	repeatAtLeast = 950 * time.Millisecond
	repeatAtMost  = 10 * time.Second
)

func impatient(d *Device) bool {
	return d.any(Rebroadcast, func(i int, s Step) bool {
		before := max(d.last(i, Wait), d.last(i, Rebroadcast))
		return before >= 0 && s.Time-d.Steps[before].Time < repeatAtLeast
	})
}

func silent(d *Device) bool {
	return slices.ContainsFunc(d.Steps, func(s Step) bool {
		return slices.Contains([]string{Rebroadcast, Destructor, FreeCore}, s.Name) &&
			slices.Contains([]string{Wait, Rebroadcast}, s.After) && s.Idle > repeatAtMost
	})
}

func destroyedFirst(d *Device) bool {
	return d.any(Destructor, func(i int, s Step) bool { return !d.leftBy(beforeInit) && d.lacks(i, Uninit) })
}

func destroyedEarly(d *Device) bool {
	return d.any(Destructor, func(i int, s Step) bool {
		return !d.unwinding(s) && !d.leftBy(beforeInit) && d.lacks(i, Wait)
	})
}

// lastReference is what the core itself holds until the end, where struct
// net_device has a counter; elsewhere the event tells.
const lastReference = 1

func destroyedHeld(d *Device) bool {
	return d.any(Destructor, func(i int, s Step) bool {
		refs, known := s.Args["refs"]
		last, told := s.Args["last"]
		if !told {
			last = lastReference
		}
		return known && d.last(i, Wait) >= 0 && refs != last
	})
}

// past returns whether netdev_run_todo() is behind the device.
func (d *Device) past(wait int) bool {
	return wait >= 0 && (d.Settled || d.find(wait, FreeCore, Free, Release) >= 0)
}

func notDestroyed(d *Device) bool {
	i := d.find(0, Wait)
	return d.past(i) && d.destructible(Wait) && d.find(0, Destructor) < 0
}

func freedFirst(d *Device) bool {
	i := d.find(0, FreeCore, Free)
	return i >= 0 && d.find(0, Destructor) > i
}

func freedEarly(d *Device) bool {
	i := d.find(0, FreeCore, Free)
	return i >= 0 && d.last(i, KobjectDel) >= 0 && d.lacks(i, Wait)
}

func freedUnasked(d *Device) bool {
	return d.any(FreeCore, func(_ int, s Step) bool { return s.Args["needs"] == 0 })
}

func notFreed(d *Device) bool {
	i := d.find(0, Wait)
	return d.past(i) && d.Steps[i].Args["needs"] != 0 && d.find(i, FreeCore) < 0
}

func freedByBoth(d *Device) bool { return d.has(FreeCore) && d.has(Free) }

func freedTwice(d *Device) bool { return twice(FreeCore)(d) || twice(Free)(d) }

func freedAtOnce(d *Device) bool {
	return d.any(Free, func(i int, s Step) bool {
		return (s.Args["state"] == stateUninitialized || s.Args["state"] == stateDummy) && d.last(i, KobjectAdd) >= 0
	})
}

func releasedFirst(d *Device) bool {
	return d.any(Release, func(i int, _ Step) bool { return d.lacks(i, FreeCore) && d.lacks(i, Free) })
}

// usedLate is broken by what happens after the end and has no promise of its
// own.
func usedLate(d *Device) bool {
	return slices.ContainsFunc(d.Steps, func(s Step) bool {
		return s.Late && !slices.Contains([]string{FreeCore, Free, Release}, s.Name)
	})
}
