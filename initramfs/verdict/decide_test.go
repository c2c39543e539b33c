package verdict

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDecide(t *testing.T) {
	leak := Finding{Oracle: Kmemleak, Title: "leak in fdb_create", Known: "bridge-fdb-local"}
	other := Finding{Oracle: Kmemleak, Title: "leak in kobject_set_name", Known: "slab-sysfs-kobject-name"}
	oops := Finding{Oracle: Log, Title: "BUG: unable to handle page fault in free_netdev"}
	missed := Finding{Oracle: Trigger, Title: "left at E2, not at E8"}
	off := Finding{Oracle: Kmemleak, Title: "kmemleak disabled itself"}

	tests := []struct {
		name string
		in   Case
		want Case
	}{
		{"nothing found", Case{}, Case{Verdict: Pass}},
		{"passes again", Case{Verdict: Known, Oracle: Log, Reason: "was known"}, Case{Verdict: Pass}},
		{"skipped", Case{Verdict: Skip, Reason: "no bonding"}, Case{Verdict: Skip, Reason: "no bonding"}},
		{"one finding", Case{Evidence: []Finding{oops}}, Case{Verdict: Fail, Oracle: Log, Reason: oops.Title}},
		{"known", Case{Evidence: []Finding{leak, leak}},
			Case{Verdict: Known, Oracle: Kmemleak, Reason: "known issue bridge-fdb-local"}},
		{"two known", Case{Evidence: []Finding{leak, other}},
			Case{Verdict: Known, Oracle: Kmemleak, Reason: "known issues bridge-fdb-local, slab-sysfs-kobject-name"}},
		{"a known issue hides nothing", Case{Evidence: []Finding{leak, oops}},
			Case{Verdict: Fail, Oracle: Log, Reason: oops.Title}},
		{"a skip hides nothing", Case{Verdict: Skip, Evidence: []Finding{oops}},
			Case{Verdict: Fail, Oracle: Log, Reason: oops.Title}},
		{"blind", Case{Blind: []Finding{off}}, Case{Verdict: Unknown, Oracle: Kmemleak, Reason: off.Title}},
		{"blind and known", Case{Blind: []Finding{off}, Evidence: []Finding{leak}},
			Case{Verdict: Unknown, Oracle: Kmemleak, Reason: off.Title}},
		{"blind and failed", Case{Blind: []Finding{off}, Evidence: []Finding{leak, oops}},
			Case{Verdict: Fail, Oracle: Log, Reason: oops.Title}},
		{"the trigger missed", Case{Evidence: []Finding{missed}},
			Case{Verdict: Unknown, Oracle: Trigger, Reason: missed.Title}},
		{"the trigger missed and an oops", Case{Evidence: []Finding{missed, oops}},
			Case{Verdict: Fail, Oracle: Log, Reason: oops.Title}},
		{"failed without evidence", Case{Verdict: Fail, Oracle: Guest, Reason: "the guest died"},
			Case{Verdict: Fail, Oracle: Guest, Reason: "the guest died"}},
		{"unknown without evidence", Case{Verdict: Unknown, Oracle: Trigger, Reason: "the injector never fired"},
			Case{Verdict: Unknown, Oracle: Trigger, Reason: "the injector never fired"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.in
			for range 2 { // deciding again must change nothing
				Decide(&got)
				if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Case{}, "Evidence", "Blind")); diff != "" {
					t.Errorf("Decide (-want +got):\n%s", diff)
				}
			}
		})
	}
}
