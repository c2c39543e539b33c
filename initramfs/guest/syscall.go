package guest

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// prctlSetName renames the calling thread.
func prctlSetName(name []byte) error {
	return unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
}

func gettid() int { return unix.Gettid() }
