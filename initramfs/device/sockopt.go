package device

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockoptOp is one setsockopt(2).
type sockoptOp struct {
	fd, level, option int
	value             []byte
}

func (o sockoptOp) Do() error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(o.fd), uintptr(o.level), uintptr(o.option),
		uintptr(unsafe.Pointer(unsafe.SliceData(o.value))), uintptr(len(o.value)), 0)
	runtime.KeepAlive(o.value)
	if errno != 0 {
		return errno
	}
	return nil
}

func (o sockoptOp) Result(err error) error { return err }
