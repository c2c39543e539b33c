package vm

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// kernels are those that were unpacked, for as long as this process runs: each guest of
// a run starts the same one, and to unpack it takes a processor half a second.
var kernels = struct {
	sync.Mutex
	unpacked map[imageFile]*os.File // nil for what is to be started as it is
}{unpacked: map[imageFile]*os.File{}}

// imageFile is a file as it was at one time.
type imageFile struct {
	path  string
	size  int64
	mtime time.Time
}

// vmlinux returns what unpack returns for the bzImage at path. The caller closes it.
func vmlinux(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	kernels.Lock()
	defer kernels.Unlock()
	image := imageFile{path, info.Size(), info.ModTime()}
	kernel, ok := kernels.unpacked[image]
	if !ok {
		if kernel, err = unpack(path); err != nil {
			return nil, err
		}
		kernels.unpacked[image] = kernel
	}
	if kernel == nil {
		return nil, nil
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", kernel.Fd()))
}

// unpack returns the uncompressed kernel that the bzImage at path holds, in
// memory, if QEMU can start it: it then takes a second less to boot under TCG
// than the bzImage, which first unpacks itself. It is nil for an image that is
// to be started as it is: not a bzImage, not compressed by gzip
// (CONFIG_KERNEL_GZIP), without the entry that CONFIG_PVH gives it, or with KASAN.
func unpack(path string) (*os.File, error) {
	image, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer image.Close()
	payload := payload(image)
	if payload == nil {
		return nil, nil
	}
	z, err := gzip.NewReader(payload)
	if err != nil {
		return nil, nil // compressed in another way
	}
	z.Multistream(false) // the payload ends with its size
	fd, err := unix.MemfdCreate("vmlinux", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memory for %s: %w", path, err)
	}
	out := os.NewFile(uintptr(fd), "vmlinux")
	if _, err := io.Copy(out, z); err != nil {
		out.Close()
		return nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	sanitized, err := hasKASAN(out)
	if err != nil || sanitized || !hasPVH(out) {
		out.Close()
		return nil, err
	}
	return out, nil
}

// kasanReport is how KASAN's reports begin (print_error_description() in
// mm/kasan/report.c).
const kasanReport = "BUG: KASAN: "

// hasKASAN says whether kernel is built with KASAN. Such a kernel ends before its
// first word when it is entered by PVH: compiled for size, cpuid_base_hypervisor()
// (arch/x86/include/asm/cpuid.h, called by xen_prepare_pvh()) calls memcmp(),
// which is instrumented, before there is any shadow memory.
func hasKASAN(kernel *os.File) (bool, error) {
	info, err := kernel.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	data, err := unix.Mmap(int(kernel.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return false, fmt.Errorf("look into the kernel: %w", err)
	}
	found := bytes.Contains(data, []byte(kasanReport))
	return found, unix.Munmap(data)
}

// Offsets in the setup header of a bzImage (Documentation/arch/x86/boot.rst).
const (
	setupSects    = 0x1f1
	headerMagic   = 0x202 // "HdrS"
	headerVersion = 0x206
	payloadOffset = 0x248 // from version 2.08 on
	headerEnd     = 0x250
)

// payload is the compressed kernel in a bzImage; nil if image is none.
func payload(image io.ReaderAt) io.Reader {
	head := make([]byte, headerEnd)
	if _, err := image.ReadAt(head, 0); err != nil {
		return nil
	}
	if string(head[headerMagic:headerVersion]) != "HdrS" || binary.LittleEndian.Uint16(head[headerVersion:]) < 0x208 {
		return nil
	}
	sectors := int64(head[setupSects])
	if sectors == 0 {
		sectors = 4
	}
	offset := int64(binary.LittleEndian.Uint32(head[payloadOffset:]))
	length := int64(binary.LittleEndian.Uint32(head[payloadOffset+4:]))
	return io.NewSectionReader(image, (sectors+1)*512+offset, length)
}

// pvhNote is the type of the note "Xen" that holds the entry
// (XEN_ELFNOTE_PHYS32_ENTRY, include/xen/interface/elfnote.h).
const pvhNote = 18

// hasPVH says whether kernel is an ELF file with the entry of PVH.
func hasPVH(kernel io.ReaderAt) bool {
	f, err := elf.NewFile(kernel)
	if err != nil {
		return false
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE {
			continue
		}
		notes, err := io.ReadAll(p.Open())
		if err != nil {
			return false
		}
		if hasNote(notes, "Xen", pvhNote) {
			return true
		}
	}
	return false
}

// hasNote looks for a note in a segment of notes (elf(5), Elf64_Nhdr).
func hasNote(notes []byte, name string, kind uint32) bool {
	for len(notes) >= 12 {
		namesz := uint64(binary.LittleEndian.Uint32(notes))
		descsz := uint64(binary.LittleEndian.Uint32(notes[4:]))
		is := binary.LittleEndian.Uint32(notes[8:])
		notes = notes[12:]
		desc := (namesz + 3) &^ 3
		next := desc + (descsz+3)&^3
		if next > uint64(len(notes)) {
			return false
		}
		if is == kind && bytes.Equal(notes[:namesz], append([]byte(name), 0)) {
			return true
		}
		notes = notes[next:]
	}
	return false
}
