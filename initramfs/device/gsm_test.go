package device

import (
	"bytes"
	"testing"
	"unsafe"
)

// TestGSMFrame compares with the frame that opens the control channel in every
// trace of a modem.
func TestGSMFrame(t *testing.T) {
	got := gsmFrame(0x03, gsmSABM)
	if want := []byte{0xf9, 0x03, 0x3f, 0x01, 0x1c, 0xf9}; !bytes.Equal(got, want) {
		t.Errorf("gsmFrame() = % x, want % x", got, want)
	}
}

// TestGSMLayout checks that the requests carry the size of what they point to.
func TestGSMLayout(t *testing.T) {
	for _, r := range []struct{ request, size uintptr }{
		{gsmSetConf, unsafe.Sizeof(gsmConfig{})},
		{gsmEnableNet, unsafe.Sizeof(gsmNetConfig{})},
		{gsmGetFirst, unsafe.Sizeof(uint32(0))},
	} {
		if got := r.request >> 16 & 0x3fff; got != r.size {
			t.Errorf("request %#x is for %d bytes, not %d", r.request, got, r.size)
		}
	}
}
