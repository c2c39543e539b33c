package vm

import (
	"errors"
	"fmt"
	"os"

	"github.com/hugelgupf/vmtest/qemu"
	"golang.org/x/sys/unix"
)

// A Snapshot is the state of a virtual machine at one moment, kept in memory that has no
// name. Any number of machines can go on from there.
type Snapshot struct{ file *os.File }

// Close gives the memory back. Machines that went on from the snapshot do not need it
// once they run.
func (s *Snapshot) Close() error { return s.file.Close() }

// Save takes a snapshot. The guest stands still meanwhile, for about a second; after an
// error it may do so for ever.
func (vm *VM) Save() (*Snapshot, error) {
	fd, err := unix.MemfdCreate("snapshot", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make room for a snapshot: %w", err)
	}
	s := &Snapshot{os.NewFile(uintptr(fd), "snapshot")}
	if err := vm.monitor.save(s.file); err != nil {
		return nil, errors.Join(fmt.Errorf("take a snapshot: %w", err), s.Close())
	}
	return s, nil
}

// resume has QEMU go on from s, if there is one. Each machine reads it from the
// beginning, so each has a file of its own.
func resume(opts *qemu.Options, s *Snapshot) error {
	if s == nil {
		return nil
	}
	file, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", s.file.Fd()))
	if err != nil {
		return fmt.Errorf("go on from a snapshot: %w", err)
	}
	opts.AppendQEMU("-incoming", fmt.Sprintf("fd:%d", opts.AddFile(file)))
	return nil
}
