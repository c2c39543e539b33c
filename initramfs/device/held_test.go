package device

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestHolder opens and closes the file of one device again and again, and leaves
// none open.
func TestHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e := &Env{}
	remove, err := closeHolder(e, Device{Name: "td0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(remove); !errors.Is(err, unix.EBADF) {
		t.Errorf("close of what was never opened: %v", err)
	}
	open := func() int {
		fd, err := e.reopen("td0", path)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	open()
	if err := Run(remove); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := Run(remove); !errors.Is(err, unix.EBADF) {
		t.Errorf("second close: %v", err)
	}
	if first := open(); open() != first {
		t.Error("the file of the last creation stayed open")
	}
	last := e.Made(holder("td0"))
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := unix.FcntlInt(uintptr(last), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("the file is open after the case: %v", err)
	}
}
