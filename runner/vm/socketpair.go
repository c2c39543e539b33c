package vm

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// socketpair makes two connected stream sockets: one for this process and one
// to be inherited by another. Neither leaks into processes that are started
// meanwhile.
func socketpair(name string) (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair for %s: %w", name, err)
	}
	theirs := os.NewFile(uintptr(fds[1]), name)
	f := os.NewFile(uintptr(fds[0]), name)
	defer f.Close() // FileConn has duplicated it
	ours, err := net.FileConn(f)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("socket pair for %s: %w", name, err)
	}
	return ours.(*net.UnixConn), theirs, nil
}
