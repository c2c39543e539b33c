// Package fault makes the kernel fail where a case wants it to: at the n-th
// allocation of one system call ([Nth]), or in a netdev notifier ([Notifier]).
package fault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/trace"
)

// ErrAbsent is returned when the kernel was built without a fault facility.
var ErrAbsent = errors.New("the kernel has no such fault injector")

// Files that say which allocations may fail, and what they must hold, by
// Documentation/fault-injection/fault-injection.rst. The filters are looked at
// before an allocation is counted (should_failslab() in mm/failslab.c,
// __should_fail_alloc_page() in mm/fail_page_alloc.c), so they also decide what
// n counts.
var nthSettings = []struct{ file, value string }{
	{"failslab/ignore-gfp-wait", "N"},
	{"fail_page_alloc/ignore-gfp-wait", "N"},
	{"fail_page_alloc/min-order", "0"},
	// Two lines in the log for each refusal, without a stack. fail_dump() asks
	// for the rate limit only if it would print (see [RefusalProbe]).
	{"failslab/verbose", "1"},
	{"fail_page_alloc/verbose", "1"},
}

// detectorCaches are the slab caches that detectors allocate from behind the
// code under test. Failing one of them tests the detector, not the device, and
// may blind it (create_object() in mm/kmemleak.c).
var detectorCaches = map[string]bool{
	"kmemleak_object":    true,
	"kmemleak_scan_area": true,
}

// Nth fails the n-th allocation that one thread makes from now on, by
// /proc/thread-self/fail-nth (proc_fail_nth_write() in fs/proc/base.c).
type Nth struct {
	fd int
}

// OpenNth sets up the injector for the calling thread, which must stay locked
// to its goroutine. The caller closes it.
func OpenNth(debugfs string) (*Nth, error) {
	for _, s := range nthSettings {
		file := filepath.Join(debugfs, s.file)
		if err := os.WriteFile(file, []byte(s.value), 0); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s", ErrAbsent, s.file)
		} else if err != nil {
			return nil, fmt.Errorf("set up fail-nth: %w", err)
		}
	}
	if err := filterCaches(debugfs, "/sys/kernel/slab"); err != nil {
		return nil, fmt.Errorf("set up fail-nth: %w", err)
	}
	fd, err := unix.Open("/proc/thread-self/fail-nth", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil, fmt.Errorf("%w: fail-nth", ErrAbsent)
	}
	if err != nil {
		return nil, fmt.Errorf("open fail-nth: %w", err)
	}
	return &Nth{fd: fd}, nil
}

// filterCaches keeps the detectors' caches out of what failslab may fail. A
// cache is admitted by its attribute failslab, which kernels before 6.2 take
// from their command line only (slub_debug=A,CACHE): where the
// detectors cannot be told apart, nothing is filtered.
func filterCaches(debugfs, dir string) error {
	caches, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list slab caches: %w", err)
	}
	filter := "Y"
	for _, c := range caches {
		err := admit(filepath.Join(dir, c.Name(), "failslab"), !detectorCaches[c.Name()])
		if errors.Is(err, os.ErrPermission) {
			filter = "N"
			break
		}
		if err != nil {
			return fmt.Errorf("admit cache %s to failslab: %w", c.Name(), err)
		}
	}
	return os.WriteFile(filepath.Join(debugfs, "failslab/cache-filter"), []byte(filter), 0)
}

// admit sets one cache's attribute unless it is set already.
func admit(file string, may bool) error {
	want := "0"
	if may {
		want = "1"
	}
	is, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(is)) == want {
		return err
	}
	return os.WriteFile(file, []byte(want), 0)
}

// Close gives the injector back. It may be called from any thread.
func (f *Nth) Close() error { return unix.Close(f.fd) }

// Arm makes the n-th allocation of the calling thread fail, n from 1. The very
// next system call should be the one under test.
func (f *Nth) Arm(n int) error {
	var b [20]byte
	return f.write(strconv.AppendInt(b[:0], int64(n), 10))
}

func (f *Nth) write(b []byte) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PWRITE64, uintptr(f.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	runtime.KeepAlive(b)
	if errno != 0 {
		return fmt.Errorf("write fail-nth: %w", errno)
	}
	return nil
}

// Disarm stops counting and tells whether there was an n-th allocation, which
// then failed.
func (f *Nth) Disarm() (fired bool, err error) {
	var b [20]byte
	n, _, errno := unix.RawSyscall6(unix.SYS_PREAD64, uintptr(f.fd),
		uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		return false, fmt.Errorf("read fail-nth: %w", errno)
	}
	// What is left to count; nothing is left once it has fired.
	return n > 0 && b[0] == '0', f.write([]byte{'0'})
}

// many is more allocations than any operation makes.
const many = 1 << 20

// Count makes the calling thread's allocations count, without that any fails, so
// that the kernel asks for each of them whether it should.
func (f *Nth) Count() error { return f.Arm(many) }

// Refused returns the functions that led to the allocation that was refused, the
// innermost first, or nothing when the record does not show it.
func (f *Nth) Refused(events []trace.Event, _ int) []string { return Refused(events) }
