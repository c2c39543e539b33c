package kmod

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrAbsent is returned when the module is not loaded: an image that somebody
// else built has none.
var ErrAbsent = errors.New("the kernel has no module " + Name)

// A Module is the module of the running kernel.
type Module struct {
	dir               string
	veto, fail, plant int // file descriptors
}

// Open opens the files of the module, which is loaded already, below the folder
// where debugfs is mounted. While they are open the module cannot be unloaded.
func Open(debugfs string) (*Module, error) {
	m := &Module{dir: filepath.Join(debugfs, Name), veto: -1, fail: -1, plant: -1}
	if _, err := os.Stat(m.dir); errors.Is(err, os.ErrNotExist) {
		return nil, ErrAbsent
	}
	for _, f := range []struct {
		fd   *int
		name string
		mode int
	}{{&m.veto, "veto", unix.O_RDWR}, {&m.fail, "fail", unix.O_RDWR}, {&m.plant, "plant", unix.O_WRONLY}} {
		fd, err := unix.Open(filepath.Join(m.dir, f.name), f.mode|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open %s of module %s: %w", f.name, Name, err), m.Close())
		}
		*f.fd = fd
	}
	return m, nil
}

// Close gives the files back. What was armed and planted stays.
func (m *Module) Close() error {
	var errs []error
	for _, fd := range []int{m.veto, m.fail, m.plant} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// write writes a command, in one system call of the calling thread.
func (m *Module) write(fd int, command string) error {
	if _, err := unix.Pwrite(fd, []byte(command), 0); err != nil {
		return fmt.Errorf("module %s: %q: %w", Name, command, err)
	}
	return nil
}

// read reads a file of numbers in the form of format.
func (m *Module) read(fd int, format string, numbers ...any) error {
	var text [64]byte
	n, err := unix.Pread(fd, text[:], 0)
	if err == nil {
		_, err = fmt.Sscanf(string(text[:n]), format, numbers...)
	}
	if err != nil {
		return fmt.Errorf("read from module %s: %w", Name, err)
	}
	return nil
}

// A Veto refuses events of the netdev notifier chain.
type Veto struct {
	Event    string     // as the kernel spells it: NETDEV_POST_INIT
	Pattern  string     // of device names, for glob_match() in lib/glob.c; in any namespace
	Count    int        // how many events are refused, then no more
	Errno    unix.Errno // with what
	Priority int        // in the chain: the highest int32 is first
}

// Veto sets the veto, in place of the last one. Events that the kernel replays
// for the devices that are there are not refused. EINVAL means that the kernel
// has no such event.
func (m *Module) Veto(v Veto) error {
	return m.write(m.veto, fmt.Sprintf("%s %s %d %d %d", v.Event, v.Pattern, v.Count, -int(v.Errno), v.Priority))
}

// LiftVeto ends the veto.
func (m *Module) LiftVeto() error { return m.write(m.veto, "off") }

// Vetoed returns how many events were refused since [Module.Veto].
func (m *Module) Vetoed() (hits int, err error) {
	err = m.read(m.veto, "hits %d", &hits)
	return hits, err
}

// A Failure makes a function of the kernel return a value without running.
type Failure struct {
	// Symbol is the function, as /proc/kallsyms spells it, with the suffix that
	// the compiler gave it; a function of a module may have "MODULE:" before it.
	// Of several of the same name it is the first that the kernel finds.
	Symbol string
	Value  int64 // what it returns, 0 for a NULL
	Skip   int   // how many calls pass before
	Count  int   // how many are refused then
}

// Fail arms the failure for the calling thread, which must stay locked to its
// goroutine until the provocation is over, in place of the last one. Only that
// thread's own calls count, not those of interrupts. ENOENT means that the
// kernel has no such symbol, EINVAL that it allows no probe there.
//
// Arming the same symbol again is cheap.
func (m *Module) Fail(f Failure) error {
	return m.write(m.fail, fmt.Sprintf("%s %d %d %d", f.Symbol, f.Value, f.Skip, f.Count))
}

// StopFailing disarms and takes the probe away, which waits for a grace period.
func (m *Module) StopFailing() error { return m.write(m.fail, "off") }

// Failed returns how often the thread called the function since [Module.Fail],
// and how many of these calls were refused.
func (m *Module) Failed() (calls, hits int, err error) {
	err = m.read(m.fail, "calls %d hits %d", &calls, &hits)
	return calls, hits, err
}
