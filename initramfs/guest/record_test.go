package guest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/trace"
)

// TestAbandon loses events between a device's allocation and the reuse of its
// address, which would look like a device that is used after its end.
func TestAbandon(t *testing.T) {
	device := map[string]int64{"dev": 0x1000, "state": 0}
	var r record
	r.add([]trace.Event{{Name: "free", Args: device}}, 0)
	if len(r.life.Devices()) != 1 {
		t.Fatal("the record does not know the device before the hole")
	}
	r.abandon()
	r.add([]trace.Event{{Name: "register", Args: device}}, 0)
	if r.life != nil || len(r.percpu.Of([]int{0})) > 0 {
		t.Errorf("the record goes on behind a hole: %+v", r)
	}
}

// TestMarks asks which injection was being made at a time, and what it refused.
// Two injections may have the same number.
func TestMarks(t *testing.T) {
	var r record
	r.blame(3, []string{"nobody"})
	for i, refused := range [][]string{{"first"}, nil, {"second"}} {
		r.add([]trace.Event{{Name: "free", Time: time.Duration(10 * (i + 1))}}, 3)
		if refused != nil {
			r.blame(3, refused)
		}
	}
	r.add([]trace.Event{{Name: "free", Time: 40}}, 0)
	r.blame(3, []string{"too late"})
	for at, want := range map[time.Duration]mark{
		5:  {until: 10, injection: 3, refused: []string{"first"}},
		10: {until: 10, injection: 3, refused: []string{"first"}},
		15: {until: 20, injection: 3},
		25: {until: 30, injection: 3, refused: []string{"second"}},
		35: {until: 40},
		45: {},
	} {
		if diff := cmp.Diff(want, r.at(at), cmp.AllowUnexported(mark{})); diff != "" {
			t.Errorf("at %d (-want +got):\n%s", at, diff)
		}
	}
}

// TestRefused asks what was refused to a device: as it was made, or else the only time
// while it was there.
func TestRefused(t *testing.T) {
	var r record
	for i, refused := range [][]string{nil, {"first"}, nil, {"second"}, nil} {
		r.add([]trace.Event{{Name: "free", Time: time.Duration(10 * (i + 1))}}, i)
		if refused != nil {
			r.blame(i, refused)
		}
	}
	for _, tt := range []struct {
		begin, end time.Duration
		want       []string
	}{
		{15, 15, []string{"first"}},
		{15, 35, []string{"first"}}, // as it was made
		{5, 15, []string{"first"}},
		{5, 25, []string{"first"}},
		{25, 45, []string{"second"}},
		{5, 8, nil},
		{5, 35, nil}, // either
		{45, 45, nil},
	} {
		if diff := cmp.Diff(tt.want, r.refused(tt.begin, tt.end)); diff != "" {
			t.Errorf("from %d to %d (-want +got):\n%s", tt.begin, tt.end, diff)
		}
	}
}
