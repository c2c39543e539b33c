// Package guest is the harness in which cases run inside the guest: it asks the
// host for each case, sets up the injectors and detectors, watches over the
// provocation, shares one leak scan among all cases of a boot, and decides what
// each case ends with.
package guest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/kallsyms"
	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/kmemleak"
	"netdev.test/teardown/initramfs/module"
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

	log      *klog.Reader
	tracer   *trace.Tracer      // nil when the kernel has no kprobe events
	detector *kmemleak.Detector // nil when the kernel has no kmemleak
	netlink  *rtnl.Conn
	listener *rtnl.Conn

	symbols kallsyms.Symbols // of the functions that are probed, and more

	planted   error // why there is no planted leak
	plantedAt time.Time

	blind []verdict.Finding // detectors that no case of this boot can rely on
	cases int               // cases begun, to name them
}

// self is the machine that the process runs on; set by [Main].
var self *machine

// Main is TestMain's guest side: it sets up the machine, runs the tests and
// returns the process's exit status.
func Main(m *testing.M, known verdict.Issues) int {
	var err error
	if self, err = setUp(known); err != nil {
		fmt.Fprintf(os.Stderr, "set up the guest: %v\n", err)
		return 2
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
		m.openDetector,
		m.openLog,
		m.openNetlink,
		m.openTracer,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *machine) openLog() error {
	var err error
	if m.log, err = klog.Open(); err != nil {
		return err
	}
	return m.controlLog()
}

func (m *machine) openNetlink() error {
	var err error
	if m.netlink, err = rtnl.Dial(); err != nil {
		return err
	}
	m.listener, err = rtnl.Listen()
	return err
}

// openTracer loads the drivers of the catalogue, so that their functions can be
// traced, and sets the probes.
func (m *machine) openTracer() error {
	for _, k := range device.Kinds {
		if err := m.load(k.Module); err != nil && !errors.Is(err, module.ErrAbsent) {
			return err
		}
	}
	probes := append(initProbes(), trace.Registration...)
	names := []string{deferredNamespaces}
	for _, p := range probes {
		names = append(names, p.Symbol)
	}
	var err error
	if m.symbols, err = kallsyms.Find(kallsyms.Path, names...); err != nil {
		return err
	}
	if m.defersNamespaces() {
		if err := flushNamespaces(); err != nil {
			return err
		}
	}
	m.tracer, err = trace.Open(Tracefs, m.symbols, probes)
	if errors.Is(err, trace.ErrAbsent) {
		return nil
	}
	return err
}

// initProbes are the probes on the ndo_init of every kind.
func initProbes() []trace.Probe {
	var probes []trace.Probe
	for _, k := range device.Kinds {
		if k.NdoInit != "" {
			probes = append(probes, trace.Init(k.Name, k.NdoInit))
		}
	}
	return probes
}

// moduleParameters keep a module from creating devices by itself when it is
// loaded.
var moduleParameters = map[string]string{
	"bonding": "max_bonds=0",
	"dummy":   "numdummies=0",
}

// load makes sure that the module is in the kernel.
func (m *machine) load(name string) error {
	if module.Loaded(name) || m.builtIn(name) {
		return nil
	}
	return m.modules.Load(name, moduleParameters[name])
}

// builtIn reports whether the driver of a kind is a part of the kernel's image,
// which /sys/module shows only for a driver with parameters.
func (m *machine) builtIn(name string) bool {
	for _, k := range device.Kinds {
		if symbol, ok := m.symbols[k.NdoInit]; ok && k.Module == name && !strings.Contains(symbol, ":") {
			return true
		}
	}
	return false
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
