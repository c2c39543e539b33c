package device

import "testing"

// TestBT6lowpanCommands compares with the format that get_l2cap_conn() in
// net/bluetooth/6lowpan.c scans.
func TestBT6lowpanCommands(t *testing.T) {
	if want := "connect 02:00:00:00:00:02 1"; bt6lowpanConnect != want {
		t.Errorf("%q instead of %q", bt6lowpanConnect, want)
	}
	if want := "disconnect 02:00:00:00:00:02 0"; bt6lowpanDisconnect != want {
		t.Errorf("%q instead of %q", bt6lowpanDisconnect, want)
	}
}
