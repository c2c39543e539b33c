package life

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"netdev.test/teardown/initramfs/trace"
)

// An edit turns the record of a healthy life into one that breaks a promise. The
// events are named as "free", or "notify:6" for one value of enum netdev_cmd.
type edit func([]trace.Event) []trace.Event

func is(e trace.Event, name string) bool {
	event, val, valued := strings.Cut(name, ":")
	return e.Name == event && (!valued || strconv.FormatInt(e.Args["val"], 10) == val)
}

// at returns where the first event of the name is.
func at(events []trace.Event, name string) int {
	i := slices.IndexFunc(events, func(e trace.Event) bool { return is(e, name) })
	if i < 0 {
		panic("no event " + name)
	}
	return i
}

// drop leaves out all events of the names.
func drop(names ...string) edit {
	return func(events []trace.Event) []trace.Event {
		for _, name := range names {
			at(events, name)
		}
		return slices.DeleteFunc(events, func(e trace.Event) bool {
			return slices.ContainsFunc(names, func(name string) bool { return is(e, name) })
		})
	}
}

// move puts the first event of the name before the first one of the other; where
// is "" for the end.
func move(name, where string) edit {
	return func(events []trace.Event) []trace.Event {
		i := at(events, name)
		e := events[i]
		return insert(slices.Delete(events, i, i+1), e, where)
	}
}

// again repeats the first event of the name before the first one of the other.
func again(name, where string) edit {
	return func(events []trace.Event) []trace.Event { return insert(events, events[at(events, name)], where) }
}

func insert(events []trace.Event, e trace.Event, where string) []trace.Event {
	j := len(events)
	if where != "" {
		j = at(events, where)
	}
	return slices.Insert(events, j, e)
}

// set changes an argument of all events of the name.
func set(name, arg string, value int64) edit {
	return func(events []trace.Event) []trace.Event {
		at(events, name)
		for i := range events {
			if is(events[i], name) {
				events[i].Args[arg] = value
			}
		}
		return events
	}
}

// repeated adds the repetition of UNREGISTER, so long after the wait began, and
// delays what comes then.
func repeated(after, delay time.Duration) edit {
	return func(events []trace.Event) []trace.Event {
		e := events[at(events, "notify:6")]
		wait := events[at(events, "wait_sync")]
		e.Args = maps.Clone(e.Args)
		e.Args["state"], e.Time = stateUnregistered, wait.Time+after
		for i := at(events, "wait_sync") + 1; i < len(events); i++ {
			events[i].Time += after + delay
		}
		return insert(events, e, "destructor_bond")
	}
}

func edits(all ...edit) edit {
	return func(events []trace.Event) []trace.Event {
		for _, f := range all {
			events = f(events)
		}
		return events
	}
}

// driverFrees is who calls free_netdev() in [edit]s: not netdev_run_todo().
var driverFrees = set("free", "caller", 1)

// freeAgain frees a second time, by somebody else.
func freeAgain(where string) edit {
	return func(events []trace.Event) []trace.Event {
		e := events[at(events, "free")]
		e.Args = maps.Clone(e.Args)
		e.Args["caller"] = 1
		return insert(events, e, where)
	}
}

// broken has each promise broken in a real record: of a bond that lived ("up"),
// that was refused, of a pair that moved.
var broken = []struct {
	title, base string
	edit        edit
}{
	{"NETDEV_POST_INIT before ndo_init", "bond-up", move("notify:17", "init_ret_bond")},
	{"netdev_register_kobject() before NETDEV_POST_INIT", "bond-up", move("kobject_ret", "notify:17")},
	{"list_netdevice() before netdev_register_kobject()", "bond-up", move("list", "kobject_ret")},
	{"NETDEV_REGISTER before list_netdevice()", "bond-up", move("list", "register_ret")},
	{"NETDEV_REGISTER twice", "bond-up", again("notify:5", "register_ret")},
	{"ndo_uninit at an exit before ndo_init succeeded", "bond-nth-E4", uninitAtE4},
	{"priv_destructor at an exit before ndo_init succeeded", "bond-nth-E4", destructorAtE4},
	{"no ndo_uninit at an exit after ndo_init", "bond-E8", drop("uninit_bond")},
	{"no ndo_uninit at an exit after ndo_init", "bond-E7", drop("uninit_bond")},
	{"no priv_destructor at an exit after ndo_init", "bond-E8", drop("destructor_bond")},
	{"no priv_destructor at an exit after ndo_init", "bond-E7", move("destructor_bond", "")},
	{"needs_free_netdev left set when NETDEV_REGISTER was vetoed", "bond-E9", freedByCore},
	{"NETDEV_DOWN without NETDEV_GOING_DOWN", "bond-up", drop("notify:10")},
	{"NETDEV_UNREGISTER without the NETDEV_REGISTER of a move", "veth-move", lostMove},
	{"NETDEV_UNREGISTER of a device that is up", "bond-up", drop("notify:10", "notify:2")},
	{"NETDEV_UNREGISTER without NETDEV_REGISTER before it", "bond-up", drop("notify:5")},
	{"NETDEV_UNREGISTER twice", "bond-up", again("notify:6", "wait_sync")},
	{"NETDEV_REGISTER not answered by NETDEV_UNREGISTER", "bond-up", drop("notify:6")},
	{"listed device freed without NETDEV_UNREGISTER", "bond-up", drop("notify:6")},
	{"address lists not flushed between NETDEV_UNREGISTER and ndo_uninit", "bond-up", move("flush_mc", "unkobject")},
	{"address lists not flushed between NETDEV_UNREGISTER and ndo_uninit", "veth-ok", drop("flush_uc")},
	{"no NETDEV_PRE_UNINIT before ndo_uninit", "bond-up", drop("notify:18")},
	{"no NETDEV_PRE_UNINIT before ndo_uninit", "bond-E8", move("notify:18", "register_ret")},
	{"NETDEV_PRE_UNINIT of a device without a kobject", "bond-E8", drop("kobject_ret")},
	{"ndo_uninit without NETDEV_UNREGISTER before it", "bond-up", move("uninit_bond", "notify:6")},
	{"ndo_uninit without NETDEV_UNREGISTER before it", "bond-E9", move("uninit_bond", "notify:6")},
	{"no ndo_uninit before netdev_unregister_kobject()", "bond-up", drop("uninit_bond")},
	{"ndo_uninit twice", "bond-up", again("uninit_bond", "wait_sync")},
	{"ndo_uninit twice", "bond-E8", again("uninit_bond", "free")},
	{"netdev_unregister_kobject() without NETDEV_UNREGISTER before it", "bond-up", move("unkobject", "notify:6")},
	{"netdev_unregister_kobject() without a kobject", "bond-up", drop("kobject_ret")},
	{"netdev_unregister_kobject() twice", "bond-up", again("unkobject", "wait_sync")},
	{"kobject not removed before the wait for references", "bond-up", move("wait_sync", "unkobject")},
	{"NETDEV_UNREGISTER repeated in less than a second", "bond-up", repeated(500*time.Millisecond, 0)},
	{"NETDEV_UNREGISTER not repeated during the wait for references", "bond-up", repeated(30*time.Second, 0)},
	{"NETDEV_UNREGISTER not repeated during the wait for references", "bond-up", repeated(1100*time.Millisecond, 30*time.Second)},
	{"priv_destructor before ndo_uninit", "bond-E8", move("destructor_bond", "uninit_bond")},
	{"priv_destructor before the wait for references", "bond-up", move("destructor_bond", "wait_sync")},
	{"priv_destructor before the wait for references", "bond-E9", move("destructor_bond", "register_ret")},
	{"priv_destructor with references left", "bond-up", set("destructor_bond", "refs", 2)},
	{"no priv_destructor after the wait for references", "bond-up", drop("destructor_bond")},
	{"no priv_destructor after the wait for references", "bond-up", edits(drop("destructor_bond", "free", "release"), again("register", ""))},
	{"priv_destructor twice", "bond-up", again("destructor_bond", "free")},
	{"priv_destructor twice", "bond-E8", again("destructor_bond", "free")},
	{"free_netdev() before priv_destructor", "bond-up", move("free", "destructor_bond")},
	{"free_netdev() before the wait for references", "bond-up", move("free", "wait_sync")},
	{"free_netdev() by the core without needs_free_netdev", "bond-up", set("free", "needs", 0)},
	{"needs_free_netdev, and no free_netdev() by the core", "bond-up", driverFrees},
	{"free_netdev() by the core and by the driver", "bond-up", freeAgain("")},
	{"free_netdev() twice", "bond-E8", freeAgain("")},
	{"free_netdev() twice", "bond-E2", freeAgain("")},
	{"memory of a registered device freed at once", "bond-E8", set("free", "state", stateUninitialized)},
	{"device released before free_netdev()", "bond-up", move("release", "free")},
	{"device released twice", "bond-up", again("release", "")},
	{"used after its memory was freed", "bond-up", move("unkobject", "")},
	{"memory given back without free_netdev() and device release", "bond-up", edits(drop("free", "release"), again("alloc", ""))},
}

// uninitAtE4 and destructorAtE4 add the cleanup that must not be.
func uninitAtE4(events []trace.Event) []trace.Event { return driverCall(events, "uninit_bond") }

func destructorAtE4(events []trace.Event) []trace.Event {
	return driverCall(events, "destructor_bond")
}

func driverCall(events []trace.Event, name string) []trace.Event {
	e := events[at(events, "register")]
	e.Name = name
	return insert(events, e, "register_ret")
}

// freedByCore has the core free what only the caller may, because nobody asked.
func freedByCore(events []trace.Event) []trace.Event {
	i := slices.IndexFunc(events, func(e trace.Event) bool {
		return e.Name == "free" && e.Args["state"] == stateUnregistering
	})
	return slices.Delete(events, i, i+1)
}

// lostMove leaves out every REGISTER but those of a registration.
func lostMove(events []trace.Event) []trace.Event {
	registering := false
	return slices.DeleteFunc(events, func(e trace.Event) bool {
		registering = e.Name == "register" || registering && e.Name != "register_ret"
		return is(e, "notify:5") && !registering
	})
}

func copied(events []trace.Event) []trace.Event {
	events = slices.Clone(events)
	for i := range events {
		events[i].Args = maps.Clone(events[i].Args)
	}
	return events
}

func titles(events []trace.Event, absent map[string]bool) map[string]Violation {
	found := map[string]Violation{}
	for _, d := range Record(events) {
		for _, v := range Check(d, absent) {
			found[v.Title] = v
		}
	}
	return found
}

// TestBroken breaks each promise, and sees that Check notices.
func TestBroken(t *testing.T) {
	c := readCapture(t, "testdata/7.3.trace")
	tested := map[string]bool{}
	for _, tt := range broken {
		tested[tt.title] = true
		t.Run(tt.base+"/"+tt.title, func(t *testing.T) {
			healthy := c.events(t, tt.base)
			if found := titles(copied(healthy), c.absent); len(found) > 0 {
				t.Fatalf("a healthy life breaks promises: %v", found)
			}
			found := titles(tt.edit(copied(healthy)), c.absent)
			v, ok := found[tt.title]
			if !ok {
				t.Fatalf("not noticed; broken are %v", slices.Sorted(maps.Keys(found)))
			}
			if !strings.Contains(v.Detail, "promised") || !strings.Contains(v.Detail, "broken promise of ") {
				t.Errorf("detail %q does not show what was promised", v.Detail)
			}
			t.Logf("%s; broken are %q", v.Detail, slices.Sorted(maps.Keys(found)))
		})
	}
	for _, p := range promises {
		if !tested[p.title] {
			t.Errorf("no test breaks %q", p.title)
		}
	}
}

// TestSkipped sees that no promise is judged without what it needs, and that
// Skipped then names it.
func TestSkipped(t *testing.T) {
	c := readCapture(t, "testdata/7.3.trace")
	for _, tt := range broken {
		for _, p := range promises {
			if p.title != tt.title {
				continue
			}
			for _, need := range p.needs {
				absent := maps.Clone(c.absent)
				if strings.HasSuffix(need, "_") {
					need += "bond"
				}
				absent[need] = true
				if strings.HasPrefix(tt.base, "veth") {
					continue
				}
				if _, ok := titles(tt.edit(copied(c.events(t, tt.base))), absent)[tt.title]; ok {
					t.Errorf("%s: judged without %s", tt.title, need)
				}
				named := slices.ContainsFunc(Skipped(absent), func(s string) bool { return strings.HasPrefix(s, p.title+":") })
				if none := strings.HasSuffix(need, "_bond") || need == argPre; named == none {
					t.Errorf("%s without %s: named by Skipped: %t", tt.title, need, named)
				}
			}
		}
	}
}
