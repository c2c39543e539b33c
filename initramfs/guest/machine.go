// Package guest is the harness in which cases run inside the guest: it asks the
// host for each case, sets up the injectors and detectors, watches over the
// provocation, shares one leak scan among all cases of a boot, and decides what
// each case ends with.
package guest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/account"
	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/kallsyms"
	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/kmemleak"
	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/initramfs/life"
	"netdev.test/teardown/initramfs/module"
	"netdev.test/teardown/initramfs/percpu"
	"netdev.test/teardown/initramfs/remains"
	"netdev.test/teardown/initramfs/rtnl"
	"netdev.test/teardown/initramfs/trace"
	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// Where the supervisor mounts the kernel's file systems.
const (
	Debugfs = "/sys/kernel/debug"
	Tracefs = "/sys/kernel/tracing"
)

// In reports whether this process runs in a guest.
func In() bool { return os.Getenv(wire.InGuestEnv) == "1" }

// machine is the guest as the cases see it.
type machine struct {
	host    *channel
	release string
	known   verdict.Issues
	modules module.Dir
	config  map[string]string // of the kernel; nil when it does not tell

	log      *klog.Reader
	module   *kmod.Module       // our own; nil when the kernel has none
	tracer   *trace.Tracer      // nil when the kernel has no kprobe events
	absent   map[string]bool    // what the record of a device's life lacks
	detector *kmemleak.Detector // nil when the kernel has no kmemleak
	netlink  *rtnl.Conn
	listener *rtnl.Conn
	viewer   *remains.Viewer
	last     remains.Snapshot // after the case before, which left nothing; nil if it may be different now
	census   census

	table   symbolTable
	symbols kallsyms.Symbols // of the functions that are probed, and more

	driverOf map[string]string // by kind, the kind whose name its driver is traced under

	planted   error // why there is no planted leak
	plantedAt time.Time

	accounts bool // the kernel keeps an account of its allocations

	coreMu sync.Mutex
	core   fault.Core // nil until a case asked

	timesMu sync.Mutex
	times   map[verdict.Oracle]time.Duration // that the oracles took

	blind []verdict.Finding // detectors that no case of this boot can rely on
	cases int               // cases begun, to name them
}

// self is the machine that the process runs on; set by [Main].
var self *machine

// Release is the release of the running kernel, as uname -r prints it.
func Release() string { return self.release }

// garbagePercent is how much the heap may grow before garbage is collected, in percent of
// what is in use.
const garbagePercent = 300

// Main is TestMain's guest side: it sets up the machine, runs the tests and
// returns the process's exit status.
func Main(m *testing.M, known verdict.Issues) int {
	// A guest has memory to spare, and an emulated processor to collect garbage with.
	debug.SetGCPercent(garbagePercent)
	var err error
	if self, err = setUp(known); err != nil {
		fmt.Fprintf(os.Stderr, "set up the guest: %v\n", err)
		return 2
	}
	if only := self.host.ready().Run; only != "" {
		flag.Parse() // else Run does, and has the last word
		if err := flag.Set("test.run", only); err != nil {
			fmt.Fprintf(os.Stderr, "choose the tests: %v\n", err)
			return 2
		}
	}
	code := m.Run()
	self.host.send(wire.Message{Type: wire.Finished, Done: code})
	return code
}

func setUp(known verdict.Issues) (*machine, error) {
	m := &machine{host: openChannel(), known: known, modules: module.Root()}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("ask for the kernel's release: %w", err)
	}
	m.release = unix.ByteSliceToString(u.Release[:])
	for _, step := range []func() error{
		m.openConfig,
		m.openModule,
		m.openDetector,
		m.openLog,
		m.openNetlink,
		limitFallback,
		m.openTracer,
		m.openAccount,
		m.control,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *machine) openLog() error {
	var err error
	m.log, err = klog.Open()
	return err
}

func (m *machine) openNetlink() error {
	var err error
	if m.netlink, err = rtnl.Dial(); err != nil {
		return err
	}
	m.viewer = remains.NewViewer(m.netlink)
	m.listener, err = rtnl.Listen()
	return err
}

// openModule loads our own kernel module. An image that somebody else built has
// none: then what it provokes cannot be provoked.
func (m *machine) openModule() error {
	if err := m.modules.Load(kmod.Name, ""); errors.Is(err, module.ErrAbsent) {
		return nil
	} else if err != nil {
		return err
	}
	var err error
	m.module, err = kmod.Open(Debugfs)
	return err
}

// openTracer sets the probes, with all drivers loaded.
func (m *machine) openTracer() error {
	if err := m.loadKinds(); err != nil {
		return err
	}
	var err error
	if m.table.Table, err = kallsyms.Read(kallsyms.Path); err != nil {
		return err
	}
	frames, err := kallsyms.NewIndex(m.table.Table, m.modules.Open)
	if err != nil {
		return err
	}
	kernel, err := m.lifeKernel()
	if err != nil {
		return err
	}
	probes := slices.Concat(kernel.Probes(), percpu.Probes)
	names := append([]string{deferredNamespaces, delayedRelease, quarantine}, fault.Symbols...)
	for _, p := range probes {
		names = append(names, p.Symbol)
	}
	m.symbols = m.table.Find(names...)
	if m.defersNamespaces() {
		if err := flushNamespaces(); err != nil {
			return err
		}
	}
	if m.quarantines() {
		if err := m.census.count(); err != nil {
			return err
		}
	}
	m.tracer, err = trace.Open(Tracefs, m.symbols, append(probes, fault.RefusalProbe(m.symbols), fault.AskedProbe(m.symbols)), frames)
	if errors.Is(err, trace.ErrAbsent) {
		return nil
	}
	if err == nil {
		m.absent = kernel.Absent(m.tracer.Has)
	}
	return err
}

// lifeKernel describes the kernel to the oracle of devices' lives.
func (m *machine) lifeKernel() (life.Kernel, error) {
	k := life.Kernel{Release: m.release, Kinds: m.drivers()}
	var err error
	if m.module != nil {
		if k.Layout, err = m.module.Layout(); err != nil {
			return k, err
		}
	}
	k.Core, err = life.Core(bytes.NewReader(m.table.Table))
	return k, err
}

// openAccount finds out whether the kernel counts allocations by call site.
func (m *machine) openAccount() error {
	_, err := account.Take(account.Path)
	m.accounts = err == nil
	if errors.Is(err, account.ErrAbsent) {
		return nil
	}
	return err
}

// comm names a thread after its case and injection, because kmemleak notes the
// name of the thread that allocates (set_track_prepare() and __link_object() in
// mm/kmemleak.c). A name has 15 bytes (TASK_COMM_LEN).
func comm(serial, injection int) string {
	return "td" + strconv.Itoa(serial) + "." + strconv.Itoa(injection)
}

// setComm renames the calling thread.
func setComm(name string) error {
	b, err := unix.ByteSliceFromString(name)
	if err != nil {
		return err
	}
	return prctlSetName(b)
}
