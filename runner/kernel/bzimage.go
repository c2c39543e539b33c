package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Offsets in the setup header of an x86 kernel image, from the kernel's
// Documentation/arch/x86/boot.rst.
const (
	offSetupSects  = 0x1f1
	offSysSize     = 0x1f4 // protected-mode code, in units of 16 bytes
	offBootFlag    = 0x1fe
	offHeader      = 0x202
	offVersion     = 0x206
	offKernelVer   = 0x20e // pointer to the release, less 0x200
	offXLoadFlags  = 0x236
	setupHeaderEnd = 0x268

	bootFlag      = 0xaa55
	kernel64      = 1 << 0 // XLF_KERNEL_64
	minVersion    = 0x020c // first with xloadflags
	maxReleaseLen = 128
)

// foreign are images that are no bzImage, with what to do.
var foreign = []struct {
	offset int
	magic  string
	advice string
}{
	{56, "ARM\x64", "is a kernel for arm64: teardown boots x86-64, give an x86-64 bzImage"},
	{56, "RISCV", "is a kernel for RISC-V: teardown boots x86-64, give an x86-64 bzImage"},
	{4, "zimg", "is a compressed EFI kernel for another machine: give an x86-64 bzImage"},
	{0, "\x7fELF", "is an ELF file such as vmlinux: give arch/x86/boot/bzImage of the same build"},
	{0, "\x1f\x8b", "is a gzip file: give arch/x86/boot/bzImage"},
	{0, "\x28\xb5\x2f\xfd", "is a zstd file: give arch/x86/boot/bzImage"},
	{0, "\xfd7zXZ", "is an xz file: give arch/x86/boot/bzImage"},
	{0, "070701", "is an initramfs: give a kernel such as arch/x86/boot/bzImage"},
}

// imageRelease checks that the file is a whole x86-64 bzImage and returns the
// release that its header names ("6.12.117-teardown").
func imageRelease(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", inputf("image: %w: give a bzImage with --image FILE", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("image: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", inputf("image %s is no regular file: give a bzImage such as arch/x86/boot/bzImage", path)
	}
	release, err := readImage(f, info.Size())
	if err != nil {
		return "", inputf("image %s %w", path, err)
	}
	return release, nil
}

func readImage(r io.ReaderAt, size int64) (string, error) {
	head := make([]byte, setupHeaderEnd)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	for _, f := range foreign {
		if f.offset < n && bytes.HasPrefix(head[f.offset:n], []byte(f.magic)) {
			return "", errors.New(f.advice)
		}
	}
	u16 := func(off int) int64 { return int64(binary.LittleEndian.Uint16(head[off:])) }
	if n < setupHeaderEnd || u16(offBootFlag) != bootFlag || string(head[offHeader:offHeader+4]) != "HdrS" {
		return "", errors.New("is no kernel: give a bzImage such as arch/x86/boot/bzImage")
	}
	if u16(offVersion) < minVersion || u16(offXLoadFlags)&kernel64 == 0 {
		return "", errors.New("is a 32-bit kernel: give an x86-64 bzImage")
	}
	sects := int64(head[offSetupSects])
	if sects == 0 {
		sects = 4 // the header's own default
	}
	want := (sects+1)*512 + int64(binary.LittleEndian.Uint32(head[offSysSize:]))*16
	if size < want {
		return "", fmt.Errorf("is cut short: %d of %d bytes: copy or build it again", size, want)
	}
	return readRelease(r, u16(offKernelVer)+0x200)
}

// readRelease reads the version string of the image and returns its first word.
func readRelease(r io.ReaderAt, offset int64) (string, error) {
	text := make([]byte, maxReleaseLen)
	n, err := r.ReadAt(text, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	line, _, _ := bytes.Cut(text[:n], []byte{0})
	words := strings.Fields(string(line))
	if len(words) == 0 || strings.ContainsFunc(words[0], func(c rune) bool { return c <= ' ' || c > '~' || c == '/' }) {
		return "", errors.New("does not name its release in the header: give a bzImage such as arch/x86/boot/bzImage")
	}
	return words[0], nil
}
