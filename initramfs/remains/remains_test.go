package remains

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	class := Thing{"sysfs class entry", "/sys/class/net/td0"}
	module := Thing{"user of module", "bonding"}
	for _, tt := range []struct {
		name          string
		before, after Snapshot
		want          []string
	}{
		{"nothing", Snapshot{class: 1}, Snapshot{class: 1}, nil},
		{"left behind", Snapshot{}, Snapshot{class: 1}, []string{"left behind: sysfs class entry /sys/class/net/td0 (0 before, 1 after)"}},
		{"vanished", Snapshot{class: 1}, Snapshot{}, []string{"vanished: sysfs class entry /sys/class/net/td0 (1 before, 0 after)"}},
		{"count", Snapshot{module: 2}, Snapshot{module: 3}, []string{"left behind: user of module bonding (2 before, 3 after)"}},
		{"zero is nothing", Snapshot{module: 0}, Snapshot{}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range tt.after.Diff(tt.before) {
				got = append(got, c.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Diff() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKernelThread(t *testing.T) {
	for _, tt := range []struct {
		stat string
		name string
		want bool
	}{
		{"2041 (kworker/R-bond0) I 2 0 0", "kworker/R-bond0", true},
		{"81 (a (b) c) S 1 0", "a (b) c", false},
		{"2 (kthreadd) S 0 0", "kthreadd", false},
		{"garbage", "", false},
		{"1 (x)", "x", false},
	} {
		name, got := kernelThread([]byte(tt.stat))
		if name != tt.name || got != tt.want {
			t.Errorf("kernelThread(%q) = %q, %v, want %q, %v", tt.stat, name, got, tt.name, tt.want)
		}
	}
}

func TestPoolWorker(t *testing.T) {
	for name, want := range map[string]bool{
		"kworker/0:1":         true,
		"kworker/u4:2":        true,
		"kworker/0:1H":        true,
		"kworker/0:0-events":  true,
		"kworker/u5:0-netns":  true,
		"kworker/R-bond0":     false,
		"bond0":               false,
		"kworker/R-kvfree_rc": false,
	} {
		if got := poolWorker.MatchString(name); got != want {
			t.Errorf("poolWorker matches %q: %v, want %v", name, got, want)
		}
	}
}
