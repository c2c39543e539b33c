package guest

import (
	"testing"

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
