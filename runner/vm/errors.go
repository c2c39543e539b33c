package vm

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// What this package needs from the host and did not find.
var (
	ErrNoQEMU    = errors.New("qemu-system-x86_64 not found: install QEMU for x86, or: go run ./runner run -y")
	ErrNoSetpriv = errors.New("setpriv not found: install util-linux, or: go run ./runner run -y")
)

// Error says that QEMU itself failed.
type Error struct {
	Said string // the end of what QEMU wrote on standard output and error
	Err  error  // how it ended
}

// Error is the first line that QEMU wrote, but for warnings, and how it ended.
func (e *Error) Error() string {
	for line := range strings.Lines(e.Said) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "qemu-system-x86_64: ")
		if line != "" && !strings.HasPrefix(line, "warning: ") {
			return fmt.Sprintf("qemu failed: %s (%v)", line, e.Err)
		}
	}
	return fmt.Sprintf("qemu failed: %v", e.Err)
}

// Unwrap returns how QEMU ended.
func (e *Error) Unwrap() error { return e.Err }

// tailSize is how much a tail keeps, in bytes.
const tailSize = 8 << 10

// tail keeps the end of what is written to it. QEMU's standard output and
// error are two writers.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// Close does nothing: vmtest closes what it writes to.
func (t *tail) Close() error { return nil }

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
