package device

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// writeOp writes to a file that a driver reads as a command.
type writeOp struct {
	fd   int
	text []byte
}

func (o writeOp) Do() error {
	_, _, errno := unix.Syscall6(unix.SYS_PWRITE64, uintptr(o.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(o.text))), uintptr(len(o.text)), 0, 0, 0)
	runtime.KeepAlive(o.text)
	if errno != 0 {
		return errno
	}
	return nil
}

func (o writeOp) Result(err error) error { return err }

// streamOp is the same for a file that has no positions.
type streamOp struct {
	fd   int
	text []byte
}

func (o streamOp) Do() error {
	_, _, errno := unix.Syscall(unix.SYS_WRITE, uintptr(o.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(o.text))), uintptr(len(o.text)))
	runtime.KeepAlive(o.text)
	if errno != 0 {
		return errno
	}
	return nil
}

func (o streamOp) Result(err error) error { return err }

// WriteFile is the operation that writes text to the file at path, which is
// opened ahead of time.
func WriteFile(e *Env, path, text string) (Op, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	e.OnClose(func() error { return unix.Close(fd) })
	return writeOp{fd: fd, text: []byte(text)}, nil
}
