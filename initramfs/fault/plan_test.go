package fault

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit int
		made  string // call stacks, a letter each
		sites string
		want  []int
	}{
		{"no allocations", 0, "", "", nil},
		{"the first at each call stack", 0, "", "aabacb", []int{0, 2, 4}},
		{"the rest", 0, "ab", "aabacb", []int{4}},
		{"all were failed", 0, "cab", "aabacb", nil},
		{"fewer than the limit", 4, "", "abc", []int{0, 1, 2}},
		{"spread", 3, "", "abcdefghi", []int{0, 3, 6}},
		{"the rest of the limit", 4, "ac", "abcdefghi", []int{1, 5}},
		{"the limit is reached", 2, "ac", "abc", nil},
		{"beyond the limit", 1, "ac", "abc", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Plan{Limit: tt.limit}
			for _, site := range strings.Split(tt.made, "") {
				p.Made(site)
			}
			got := p.Choose(strings.Split(tt.sites, ""))
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("choice differs (-want +got):\n%s", diff)
			}
			if i := p.Choose([]string{"alloc_pages+0x4a stack_depot_save_flags.part.0+0x181 set_track_prepare+0x47 __create_object+0x22"}); len(i) > 0 {
				t.Error("an allocation of a detector was chosen")
			}
			for _, site := range strings.Split(tt.sites, "") {
				if want := strings.Contains(tt.made, site); p.Done(site) != want {
					t.Errorf("Done(%q) = %v, want %v", site, !want, want)
				}
			}
		})
	}
}
