package device

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAwait waits for a file that comes and goes.
func TestAwait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "1-1")
	if err := await(path, false); err != nil {
		t.Error(err)
	}
	time.AfterFunc(10*deviceStep, func() { os.Symlink("nowhere", path) })
	if err := await(path, true); err != nil {
		t.Error(err)
	}
	time.AfterFunc(10*deviceStep, func() { os.Remove(path) })
	if err := await(path, false); err != nil {
		t.Error(err)
	}
}

// TestUndone checks which errors are forgiven to what undoes.
func TestUndone(t *testing.T) {
	for _, err := range []error{nil, unix.ENODEV, fs.ErrNotExist, &fs.PathError{Err: unix.ENOENT}} {
		if undone(err) != nil {
			t.Errorf("undone(%v) is an error", err)
		}
	}
	if !errors.Is(undone(unix.EBUSY), unix.EBUSY) {
		t.Error("undone() forgives EBUSY")
	}
}

// TestTold checks what the creator is told on either side of a change.
func TestTold(t *testing.T) {
	bind, gadget, plain := bound("usb", "cdc_eem", "1-1:1.0", "usb1"), eemGadget.way("usb0"), Way{Answer: unix.ENFILE}
	load := loading("eql", "", "eql")
	for _, c := range []struct {
		way         Way
		release     string
		errno, want unix.Errno
	}{
		{bind, "5.10.200-teardown", unix.EXFULL, unix.ENODEV},
		{bind, "6.1.0", unix.EXFULL, unix.EXFULL},
		{gadget, "5.10.200-teardown", unix.EXFULL, unix.EXFULL},
		{gadget, "6.12.118-teardown", unix.EXFULL, unix.EBUSY},
		{plain, "7.3.0-rc1", unix.EXFULL, unix.ENFILE},
		{Way{}, "7.3.0-rc1", unix.EXFULL, unix.EXFULL},
		{load, "6.12.118-teardown", unix.EEXIST, unix.EEXIST},
		{load, "7.2.12-teardown", unix.EEXIST, unix.EBUSY},
		{load, "7.2.12-teardown", unix.EXFULL, unix.EXFULL},
		{load.answering(unix.ENXIO), "7.2.12-teardown", unix.EEXIST, unix.ENXIO},
	} {
		if got := c.way.Told(c.release, c.errno); got != c.want {
			t.Errorf("way %s: Told(%s, %v) = %v, want %v", c.way.Name, c.release, c.errno, got, c.want)
		}
	}
}
