package percpu

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/trace"
)

func call(pid int, stack ...string) trace.Event {
	return trace.Event{PID: pid, Name: eventCall, Stack: stack}
}

func alloc(pid int, ptr int64) trace.Event {
	return trace.Event{PID: pid, Name: eventAlloc, Args: map[string]int64{"ptr": ptr, "size": 16}}
}

func free(ptr int64) trace.Event {
	return trace.Event{Name: eventFree, Args: map[string]int64{"ptr": ptr}}
}

func TestBalance(t *testing.T) {
	for _, tt := range []struct {
		name   string
		events []trace.Event
		want   []Alloc
	}{
		{"nothing", nil, nil},
		{"freed", []trace.Event{alloc(5, 1), free(1)}, nil},
		{"freed before the record", []trace.Event{free(1)}, nil},
		{"leaked", []trace.Event{call(5, "pcpu_alloc", "dummy_dev_init"), alloc(5, 1), call(5), alloc(5, 2), free(2)},
			[]Alloc{{5, 16, []string{"pcpu_alloc", "dummy_dev_init"}}}},
		{"freed and leaked at the same address", []trace.Event{call(5, "a"), alloc(5, 1), free(1), call(5, "b"), alloc(5, 1)},
			[]Alloc{{5, 16, []string{"b"}}}},
		{"a module loaded anew", []trace.Event{free(9), call(5, "pcpu_alloc", "load_module"), alloc(5, 1)}, nil},
		{"a module that leaks before it is loaded anew", []trace.Event{free(9), call(5, "a", "load_module"), alloc(5, 1), call(5, "b", "load_module"), alloc(5, 2)},
			[]Alloc{{5, 16, []string{"a", "load_module"}}}},
		{"a module loaded anew by its file", []trace.Event{free(9), call(5, "init_module_from_file"), alloc(5, 1)}, nil},
		{"no module", []trace.Event{free(9), call(5, "a"), alloc(5, 1)}, []Alloc{{5, 16, []string{"a"}}}},
		{"another thread's", []trace.Event{alloc(55, 1), alloc(7, 2)}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b Balance
			b.Add(tt.events)
			if diff := cmp.Diff(tt.want, b.Of([]int{5})); diff != "" {
				t.Errorf("left differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTwice(t *testing.T) {
	for _, tt := range []struct {
		name   string
		events []trace.Event
		want   []Alloc
	}{
		{"once", []trace.Event{alloc(5, 1), free(1)}, nil},
		{"allocated again between", []trace.Event{alloc(5, 1), free(1), alloc(5, 1), free(1)}, nil},
		{"twice", []trace.Event{call(5, "a"), alloc(5, 1), free(1), free(1)}, []Alloc{{5, 16, []string{"a"}}}},
		{"three times", []trace.Event{alloc(5, 1), free(1), free(1), free(1)}, []Alloc{{PID: 5, Size: 16}, {PID: 5, Size: 16}}},
		{"of before the record", []trace.Event{free(1), free(1)}, []Alloc{{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b Balance
			b.Add(tt.events)
			if diff := cmp.Diff(tt.want, b.Twice()); diff != "" {
				t.Errorf("freed twice differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNth(t *testing.T) {
	events := []trace.Event{call(5, "a"), alloc(5, 1), call(7, "other"), call(5, "b")}
	for n, want := range map[int][]string{1: {"a"}, 2: {"b"}, 3: nil} {
		if diff := cmp.Diff(want, Nth(events, 5, n)); diff != "" {
			t.Errorf("Nth(%d) differs (-want +got):\n%s", n, diff)
		}
	}
}

func TestTitle(t *testing.T) {
	for _, tt := range []struct {
		stack []string
		want  string
	}{
		{nil, "leak of per-cpu memory: no stack"},
		{[]string{"pcpu_alloc", "__alloc_percpu_gfp", "dummy_dev_init", "register_netdevice.constprop.0", "rtnl_newlink", "rtnetlink_rcv_msg", "netlink_rcv_skb"},
			"leak of per-cpu memory: dummy_dev_init < register_netdevice < rtnl_newlink < rtnetlink_rcv_msg"},
	} {
		if got := (Alloc{Stack: tt.stack}).Title(); got != tt.want {
			t.Errorf("Title() = %q, want %q", got, tt.want)
		}
		want := strings.Replace(tt.want, "leak of per-cpu memory", "per-cpu memory freed twice", 1)
		if got := (Alloc{Stack: tt.stack}).TwiceTitle(); got != want {
			t.Errorf("TwiceTitle() = %q, want %q", got, want)
		}
	}
}
