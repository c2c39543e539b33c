package device

import (
	"testing"
	"unsafe"
)

// TestBNEPLayout checks that the requests are as long as net/bluetooth/bnep/bnep.h
// says.
func TestBNEPLayout(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want uintptr
	}{
		{"bnep_connadd_req", unsafe.Sizeof(bnepAddReq{}), 28},
		{"bnep_conndel_req", unsafe.Sizeof(bnepDelReq{}), 12},
		{"bnep_conninfo", unsafe.Sizeof(bnepInfo{}), 32},
	} {
		if tt.got != tt.want {
			t.Errorf("%s has %d bytes instead of %d", tt.name, tt.got, tt.want)
		}
	}
}
