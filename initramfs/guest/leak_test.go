package guest

import (
	"strings"
	"testing"

	"netdev.test/teardown/initramfs/kmemleak"
)

func TestComm(t *testing.T) {
	const taskCommLen = 16 // with its terminating zero
	for _, tt := range []struct{ serial, injection int }{{1, 0}, {12, 345}, {999, 99999}} {
		name := comm(tt.serial, tt.injection)
		if len(name) >= taskCommLen {
			t.Errorf("comm(%d, %d) = %q is cut by the kernel", tt.serial, tt.injection, name)
		}
		serial, injection, ok := parseComm(name)
		if !ok || serial != tt.serial || injection != tt.injection {
			t.Errorf("parseComm(%q) = %d, %d, %v", name, serial, injection, ok)
		}
	}
	for _, name := range []string{"", "kworker/0:1", "td", "td1", "tdx.1", "td1.x", plantComm} {
		if _, _, ok := parseComm(name); ok {
			t.Errorf("parseComm(%q) took a name that is no case's", name)
		}
	}
}

func TestCharge(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leak  kmemleak.Leak
		owner int // serial of the case that is charged, 0 for none
	}{
		{"by name", kmemleak.Leak{Comm: "td1.7", Jiffies: 99}, 1},
		{"of a case that is not of this round", kmemleak.Leak{Comm: "td9.7", Jiffies: 25}, 0},
		{"of the boot", kmemleak.Leak{Comm: "swapper/0", Jiffies: 1}, 0},
		{"by a worker while a case ran", kmemleak.Leak{Comm: "kworker/0:1", Jiffies: 15}, 1},
		{"by a worker after the last case", kmemleak.Leak{Comm: "kworker/0:1", Jiffies: 50}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cases := []*C{
				{serial: 1, began: 10},
				{serial: 2, began: 20},
			}
			charge(cases, tt.leak)
			owner := 0
			for _, c := range cases {
				if len(c.leaks) > 0 {
					owner = c.serial
				}
			}
			if owner != tt.owner {
				t.Errorf("charged to case %d, want %d", owner, tt.owner)
			}
		})
	}
}

func TestAddLeaks(t *testing.T) {
	leak := kmemleak.Leak{Backtrace: []string{"fdb_create+0x10/0x20", "br_fdb_add_local+0x1/0x2"}}
	other := kmemleak.Leak{Backtrace: []string{"veth_newlink+0x10/0x20"}}
	c := &C{}
	for n := 20; n > 0; n-- {
		c.leaks = append(c.leaks, charged{leak, n})
	}
	c.leaks = append(c.leaks, charged{other, 3})
	c.addLeaks()
	if len(c.result.Evidence) != 2 {
		t.Fatalf("%d findings, want one for each title: %v", len(c.result.Evidence), c.result.Evidence)
	}
	f := c.result.Evidence[0]
	if f.Injection != 1 {
		t.Errorf("first injection %d, want 1", f.Injection)
	}
	if want := "20 objects at injections 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 8 more; the first:\n"; !strings.HasPrefix(f.Detail, want) {
		t.Errorf("detail = %q, want it to begin with %q", f.Detail, want)
	}
}
