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
	if err := slabs.prepare(debugfs, "/sys/kernel/slab"); err != nil {
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
	left, err := f.left(b[:])
	if err != nil {
		return false, err
	}
	// Nothing is left once it has fired.
	return len(left) > 0 && left[0] == '0', f.write([]byte{'0'})
}

// left reads into b what is left to count.
func (f *Nth) left(b []byte) ([]byte, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_PREAD64, uintptr(f.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	runtime.KeepAlive(b)
	if errno != 0 {
		return nil, fmt.Errorf("read fail-nth: %w", errno)
	}
	return b[:n], nil
}

// many is more allocations than any operation makes.
const many = 1 << 20

// Count makes the calling thread's allocations count, without that any fails, so
// that the kernel asks for each of them whether it should.
func (f *Nth) Count() error { return f.Arm(many) }

// Counted stops counting and returns how many allocations there were since [Nth.Count].
func (f *Nth) Counted() (int, error) {
	var b [20]byte
	text, err := f.left(b[:])
	if err != nil {
		return 0, err
	}
	left, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || left > many {
		return 0, fmt.Errorf("malformed fail-nth: %q", text)
	}
	return many - left, f.write([]byte{'0'})
}

// Refused returns the functions that led to the allocation that was refused, the
// innermost first, or nothing when the record does not show it.
func (f *Nth) Refused(events []trace.Event, _ int) []string { return Refused(events) }
