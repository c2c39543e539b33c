package vm

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
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

// elfKernel is an ELF file with one segment of notes, and text behind it.
func elfKernel(t *testing.T, notes []byte, text string) []byte {
	t.Helper()
	const head, prog = 64, 56
	h := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: head, Ehsize: head, Phentsize: prog, Phnum: 1,
	}
	p := elf.Prog64{Type: uint32(elf.PT_NOTE), Off: head + prog, Filesz: uint64(len(notes))}
	var b bytes.Buffer
	for _, v := range []any{h, p, notes, []byte(text)} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// bzImage packs a kernel.
func bzImage(t *testing.T, kernel []byte) string {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(kernel); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	image := make([]byte, 1024)
	image[setupSects] = 1
	copy(image[headerMagic:], "HdrS\x0f\x02")
	binary.LittleEndian.PutUint32(image[payloadOffset+4:], uint32(packed.Len()))
	path := filepath.Join(t.TempDir(), "bzImage")
	if err := os.WriteFile(path, append(image, packed.Bytes()...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVmlinuxEntry: a kernel is entered by PVH if it can be, which one with KASAN
// cannot.
func TestVmlinuxEntry(t *testing.T) {
	pvh := note("Xen", pvhNote, "entry")
	for _, test := range []struct {
		name   string
		kernel []byte
		want   bool
	}{
		{"PVH", elfKernel(t, pvh, "Linux version"), true},
		{"PVH and KASAN", elfKernel(t, pvh, "\x013BUG: KASAN: %s in %pS\n"), false},
		{"no PVH", elfKernel(t, note("GNU", 3, "build"), ""), false},
		{"no ELF", []byte("kernel"), false},
		{"empty", nil, false},
	} {
		f, err := vmlinux(bzImage(t, test.kernel))
		if err != nil || (f != nil) != test.want {
			t.Errorf("%s: %v, %v", test.name, f, err)
		}
		if f != nil {
			f.Close()
		}
	}
}

// An image is unpacked once, and again when another one is in its place. Each caller
// has a file of its own, to read from the beginning.
func TestVmlinuxOnce(t *testing.T) {
	pvh := note("Xen", pvhNote, "entry")
	path := bzImage(t, elfKernel(t, pvh, "one"))
	read := func() (os.FileInfo, string) {
		t.Helper()
		f, err := vmlinux(path)
		if err != nil || f == nil {
			t.Fatal(f, err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return info, string(content)
	}
	first, _ := read()
	again, content := read()
	if !os.SameFile(first, again) {
		t.Error("unpacked twice")
	}
	if !strings.HasSuffix(content, "one") {
		t.Errorf("read %q the second time", content)
	}
	if err := os.Rename(bzImage(t, elfKernel(t, pvh, "another")), path); err != nil {
		t.Fatal(err)
	}
	if _, content := read(); !strings.HasSuffix(content, "another") {
		t.Errorf("read %q of a new image", content)
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
