package verdict

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		add  []int
		want Numbers
	}{
		{nil, ""},
		{[]int{7}, "7"},
		{[]int{1, 2, 3, 7, 9, 10}, "1-3,7,9-10"},
		{[]int{5, 5, 6, 5}, "5-6"},
		{[]int{9, 3, 4}, "9,3-4"},
	} {
		var got Numbers
		for _, n := range tt.add {
			got = got.With(n)
		}
		if got != tt.want {
			t.Errorf("%v: %q, want %q", tt.add, got, tt.want)
		}
		for n := range 12 {
			want := false
			for _, m := range tt.add {
				want = want || m == n
			}
			if got.Has(n) != want {
				t.Errorf("%q.Has(%d) = %v", got, n, !want)
			}
		}
	}
}

// TestNumbersGarbage: what a guest sent may be anything.
func TestNumbersGarbage(t *testing.T) {
	for _, ns := range []Numbers{",", "-", "x", "3-", "-3", "9-1", "99999999999999999999"} {
		if ns.Has(3) {
			t.Errorf("%q has 3", ns)
		}
		if got := ns.With(3); !got.Has(3) {
			t.Errorf("%q with 3 is %q", ns, got)
		}
	}
}

func TestSites(t *testing.T) {
	fdb := Site{Alloc: "fdb_create < br_device_event", Exit: "E9", Refused: true}
	sysctl := Site{Alloc: "devinet_sysctl_register < inetdev_init", Exit: "E9", Refused: true}
	borne := Site{Alloc: fdb.Alloc}
	var c Case
	for n, s := range []Site{fdb, sysctl, sysctl, borne, fdb} {
		c.AddSite(n+1, s)
	}
	want := []Site{
		{Alloc: fdb.Alloc, Exit: "E9", Refused: true, Count: 2, Injections: "1,5"},
		{Alloc: sysctl.Alloc, Exit: "E9", Refused: true, Count: 2, Injections: "2-3"},
		{Alloc: fdb.Alloc, Count: 1, Injections: "4"},
	}
	if diff := cmp.Diff(want, c.Sites); diff != "" {
		t.Errorf("sites (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[1:2], c.SitesOf(3)); diff != "" {
		t.Errorf("sites of injection 3 (-want +got):\n%s", diff)
	}
	if got := c.SitesOf(6); got != nil {
		t.Errorf("sites of injection 6: %v", got)
	}
	c.AddSite(3, fdb) // a second sweep of the same case
	if got := len(c.SitesOf(3)); got != 2 {
		t.Errorf("injection 3 of two sweeps has %d sites", got)
	}
}
