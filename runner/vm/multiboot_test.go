package vm

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// Guests of a few bytes, which need no kernel: what they do once they run.
var (
	hang  = []byte{0xf4, 0xeb, 0xfd}       // 1: hlt; jmp 1b
	reset = []byte{0xb0, 0xfe, 0xe6, 0x64} // mov $0xfe,%al; out %al,$0x64: the keyboard controller's reset line
)

// say returns the code that writes s to the first serial line.
func say(s string) []byte {
	code := []byte{0x66, 0xba, 0xf8, 0x03} // mov $0x3f8,%dx
	for _, c := range []byte(s) {
		code = append(code, 0xb0, c, 0xee) // mov $c,%al; out %al,(%dx)
	}
	return code
}

// guest writes a multiboot kernel that executes code, and returns its path.
// The folder has a blank and a comma in its name, as a user's may.
func guest(t *testing.T, code ...[]byte) string {
	t.Helper()
	const (
		magic    = 0x1badb002
		flags    = 1 << 16 // the addresses below are given
		load     = 0x100000
		entry    = load + 32
		reserved = 4096
	)
	var img bytes.Buffer
	sum := uint32(0)
	sum -= magic + flags
	for _, v := range []uint32{magic, flags, sum, load, load, load + reserved, load + reserved, entry} {
		binary.Write(&img, binary.LittleEndian, v)
	}
	for _, c := range code {
		img.Write(c)
	}
	img.Write(hang)
	img.Write(make([]byte, reserved-img.Len()))
	dir := filepath.Join(t.TempDir(), "a kernel, small")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "kernel")
	if err := os.WriteFile(path, img.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
