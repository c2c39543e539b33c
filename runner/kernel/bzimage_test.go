package kernel

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testRelease = "6.12.117-teardown"

// testImage returns the smallest file that has all a bzImage needs here.
func testImage(release string) []byte {
	const sects, code = 1, 64
	image := make([]byte, (sects+1)*512+code)
	image[offSetupSects] = sects
	binary.LittleEndian.PutUint32(image[offSysSize:], code/16)
	binary.LittleEndian.PutUint16(image[offBootFlag:], bootFlag)
	copy(image[offHeader:], "HdrS")
	binary.LittleEndian.PutUint16(image[offVersion:], 0x020f)
	binary.LittleEndian.PutUint16(image[offKernelVer:], 0x100)
	binary.LittleEndian.PutUint16(image[offXLoadFlags:], kernel64)
	copy(image[0x300:], release+" (teardown@teardown) #1\x00")
	return image
}

func edited(edit func([]byte) []byte) []byte { return edit(testImage(testRelease)) }

func TestReadImage(t *testing.T) {
	at := func(offset int, s string) []byte {
		b := make([]byte, 4096)
		copy(b[offset:], s)
		return b
	}
	tests := []struct {
		name  string
		image []byte
		want  string // in the error, "" for none
	}{
		{"bzImage", testImage(testRelease), ""},
		{"arm64", at(56, "ARM\x64"), "is a kernel for arm64"},
		{"arm64 EFI stub", edited(func(b []byte) []byte { copy(b[56:], "ARM\x64"); return b }), "is a kernel for arm64"},
		{"RISC-V", at(48, "RISCV\x00\x00\x00RISCV"), "is a kernel for RISC-V"},
		{"EFI zboot", at(0, "MZ\x00\x00zimg"), "compressed EFI kernel for another machine"},
		{"vmlinux", at(0, "\x7fELF"), "give arch/x86/boot/bzImage of the same build"},
		{"gzip", at(0, "\x1f\x8b"), "is a gzip file"},
		{"initramfs", at(0, "070701"), "is an initramfs"},
		{"text", []byte("hello\n"), "is no kernel: give a bzImage"},
		{"empty", nil, "is no kernel: give a bzImage"},
		{"zeros", make([]byte, 4096), "is no kernel"},
		{"32-bit", edited(func(b []byte) []byte { b[offXLoadFlags] = 0; return b }), "is a 32-bit kernel"},
		{"old protocol", edited(func(b []byte) []byte { b[offVersion] = 0x0b; return b }), "is a 32-bit kernel"},
		{"cut in the code", edited(func(b []byte) []byte { return b[:len(b)-1] }), "is cut short: 1087 of 1088 bytes"},
		{"cut in the header", edited(func(b []byte) []byte { return b[:setupHeaderEnd-1] }), "is no kernel"},
		{"no release", edited(func(b []byte) []byte { b[0x300] = 0; return b }), "does not name its release"},
		{"slash in the release", testImage("../../etc"), "does not name its release"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			release, err := readImage(bytes.NewReader(tt.image), int64(len(tt.image)))
			if tt.want == "" && (err != nil || release != testRelease) {
				t.Errorf("release %q, error %v", release, err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestImage(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "bzImage")
	if err := os.WriteFile(image, testImage(testRelease), 0o600); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "root")
	release := filepath.Join(root, "lib/modules", testRelease)
	if err := os.MkdirAll(release, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, modules := range []string{root, root + "/lib", root + "/lib/modules/", release} {
		k, err := Get(t.Context(), Request{Image: image, Modules: modules}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if k.Line != "" || k.Release != testRelease || k.Image != image || k.Modules != root {
			t.Errorf("--modules %s: %+v", modules, k)
		}
	}
	tests := []struct {
		name string
		r    Request
		want string
	}{
		{"absent", Request{Image: dir + "/none"}, "no such file or directory: give a bzImage with --image FILE"},
		{"folder", Request{Image: dir}, "is no regular file: give a bzImage"},
		{"modules absent", Request{Image: image, Modules: dir + "/none"}, "no such file or directory: give the folder that holds lib/modules/" + testRelease},
		{"modules of another", Request{Image: image, Modules: filepath.Dir(image)}, "no lib/modules/" + testRelease + " in it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantInputError(t, tt.r, tt.want) })
	}
}

func FuzzReadImage(f *testing.F) {
	f.Add(testImage(testRelease))
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, image []byte) {
		release, err := readImage(bytes.NewReader(image), int64(len(image)))
		if err == nil && (release == "" || strings.ContainsAny(release, "/\n ")) {
			t.Errorf("release %q", release)
		}
	})
}
