package vm

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// note is an ELF note.
func note(name string, kind uint32, desc string) []byte {
	var b bytes.Buffer
	for _, v := range []uint32{uint32(len(name) + 1), uint32(len(desc)), kind} {
		binary.Write(&b, binary.LittleEndian, v)
	}
	for _, s := range []string{name + "\x00", desc} {
		b.WriteString(s)
		b.Write(make([]byte, -len(s)&3))
	}
	return b.Bytes()
}

func TestHasNote(t *testing.T) {
	pvh := note("Xen", pvhNote, "entry")
	tests := []struct {
		name  string
		notes []byte
		want  bool
	}{
		{"none", nil, false},
		{"it", pvh, true},
		{"after others", append(note("Linux", 257, "x"), append(note("GNU", 3, "build"), pvh...)...), true},
		{"another name", note("Xem", pvhNote, "entry"), false},
		{"another type", note("Xen", pvhNote+1, "entry"), false},
		{"cut short", pvh[:len(pvh)-1], false},
		{"too large", bytes.Repeat([]byte{0xff}, 64), false},
	}
	for _, test := range tests {
		if got := hasNote(test.notes, "Xen", pvhNote); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestVmlinux(t *testing.T) {
	header := make([]byte, 4096)
	copy(header[headerMagic:], "HdrS\x0f\x02")
	tests := map[string][]byte{
		"short":    []byte("short"),
		"no image": make([]byte, 4096),
		"no gzip":  header,
	}
	for name, content := range tests {
		path := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := vmlinux(path); got != nil || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := vmlinux(filepath.Join(t.TempDir(), "missing")); !os.IsNotExist(err) {
		t.Errorf("missing: %v", err)
	}
}

// The kernel under test starts without unpacking itself, where it can.
func TestVmlinuxReady(t *testing.T) {
	k := ready(t)
	f, err := vmlinux(k.Image)
	if err != nil {
		t.Fatal(err)
	}
	if f == nil {
		t.Logf("%s is started as it is", k.Source)
		return
	}
	defer f.Close()
	if !hasPVH(f) {
		t.Error("no ELF file")
	}
}

func FuzzHasNote(f *testing.F) {
	f.Add(note("Xen", pvhNote, "entry"))
	f.Fuzz(func(t *testing.T, notes []byte) { hasNote(notes, "Xen", pvhNote) })
}
