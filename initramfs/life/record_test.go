package life

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/trace"
)

// ev makes an event of task 1; args are pairs of a name and a value.
func ev(name string, dev int64, args ...any) trace.Event {
	e := trace.Event{PID: 1, Name: name, Args: map[string]int64{"dev": dev}}
	for i := 0; i+1 < len(args); i += 2 {
		e.Args[args[i].(string)] = int64(args[i+1].(int))
	}
	return e
}

// lives names each device with its steps.
func lives(devices []*Device) []string {
	var texts []string
	for _, d := range devices {
		var names []string
		for _, s := range d.Steps {
			name := s.Name
			if s.Late {
				name += "!"
			}
			names = append(names, name)
		}
		texts = append(texts, fmt.Sprintf("%d begun=%t ended=%t: %s", d.Address, d.Begun, d.Ended, strings.Join(names, ", ")))
	}
	return texts
}

func TestRecord(t *testing.T) {
	for _, tt := range []struct {
		name   string
		events []trace.Event
		want   []string
		alive  int
	}{
		{
			name:   "an address is used again",
			events: []trace.Event{ev("alloc", 8), ev("free", 8, "state", 0), ev("alloc", 8), ev("alloc", 16)},
			want:   []string{"8 begun=true ended=true: alloc_netdev_mqs, free_netdev", "8 begun=true ended=false: alloc_netdev_mqs", "16 begun=true ended=false: alloc_netdev_mqs"},
			alive:  2,
		},
		{
			name:   "alloc_netdev_mqs fails, and frees what nobody had",
			events: []trace.Event{ev("free", 8, "state", 0), ev("alloc", 0)},
		},
		{
			name:   "alloc_netdev_mqs fails, and frees what somebody had before",
			events: []trace.Event{ev("alloc", 8), ev("free", 8, "state", 0), ev("free", 8, "state", 0), ev("alloc", 0)},
			want:   []string{"8 begun=true ended=true: alloc_netdev_mqs, free_netdev"},
		},
		{
			name:   "a device older than the record",
			events: []trace.Event{ev("notify", 8, "val", 6, "state", 2), ev("free", 8, "state", 3), ev("release", 12, "off", 4), ev("flush_uc", 8, "state", 2)},
			want:   []string{"8 begun=false ended=true: NETDEV_UNREGISTER, free_netdev, netdev_release, dev_uc_flush!"},
		},
		{
			name:   "free_netdev only asks for it",
			events: []trace.Event{ev("alloc", 8), ev("free", 8, "state", 2), ev("free", 8, "state", 3, "caller", 5, "core", 5, "end", 6)},
			want:   []string{"8 begun=true ended=false: alloc_netdev_mqs, free_netdev put off, free_netdev by the core"},
			alive:  1,
		},
		{
			name:   "no layout, never registered",
			events: []trace.Event{ev("alloc", 8), ev("free", 8)},
			want:   []string{"8 begun=true ended=true: alloc_netdev_mqs, free_netdev"},
		},
		{
			name: "no layout, registered",
			events: []trace.Event{
				ev("alloc", 8192), ev("alloc", 16384), ev("register", 8192), ev("kobject_ret", 0, "ret", -17),
				ev("register_ret", 0, "ret", -17), ev("wait", 8192), ev("flush_mc", 8192), ev("free", 8192), ev("release", 9000),
			},
			want: []string{
				"8192 begun=true ended=true: alloc_netdev_mqs, register_netdevice, netdev_register_kobject, register_netdevice returned, free_netdev, netdev_release",
				"16384 begun=true ended=false: alloc_netdev_mqs",
			},
			alive: 1,
		},
		{
			name:   "which UNREGISTER it is",
			events: []trace.Event{ev("notify", 8, "val", 6, "state", 1), ev("notify", 8, "val", 5, "state", 1), ev("notify", 8, "val", 6, "state", 2), ev("notify", 8, "val", 6, "state", 3)},
			want:   []string{"8 begun=false ended=false: NETDEV_UNREGISTER to move, NETDEV_REGISTER when moved, NETDEV_UNREGISTER, NETDEV_UNREGISTER again"},
		},
		{
			name: "two tasks register at a time",
			events: []trace.Event{
				ev("register", 8), {PID: 2, Name: "register", Args: map[string]int64{"dev": 16}},
				ev("init_ret_bond", 0), {PID: 2, Name: "init_ret_veth"}, ev("register_ret", 0), {PID: 2, Name: "register_ret"},
			},
			want: []string{
				"8 begun=false ended=false: register_netdevice, ndo_init, register_netdevice returned",
				"16 begun=false ended=false: register_netdevice, ndo_init, register_netdevice returned",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lives(Record(tt.events))); diff != "" {
				t.Errorf("Record() (-want +got):\n%s", diff)
			}
			if alive := Alive(tt.events); len(alive) != tt.alive {
				t.Errorf("Alive() = %v, want %d", lives(alive), tt.alive)
			}
		})
	}
}

// TestCut cuts every captured record in two at every place: neither half may
// break a promise, because what lies in the other half cannot be judged.
func TestCut(t *testing.T) {
	for _, file := range captures(t) {
		c := readCapture(t, file)
		for _, s := range c.sections {
			for i := range s.events {
				for _, half := range [][]trace.Event{s.events[:i], s.events[i:]} {
					if found := titles(half, c.absent); len(found) > 0 {
						t.Errorf("%s: %s cut at %d (%s): %q", file, s.name, i, s.events[i].Name, slices.Sorted(maps.Keys(found)))
					}
				}
			}
		}
	}
}
