package guest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/account"
	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/initramfs/life"
	"netdev.test/teardown/initramfs/module"
	"netdev.test/teardown/initramfs/percpu"
	"netdev.test/teardown/initramfs/remains"
	"netdev.test/teardown/initramfs/rtnl"
	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// A control plants what its oracle must find, in every boot, before the cases.
// kmemleak's is another: it has the same wait as the cases (openDetector).
type control struct {
	oracle verdict.Oracle
	// lacks says what this kernel lacks for the oracle or for the plant.
	lacks func(m *machine) string
	// plant returns what the oracle said, or an error when it was silent.
	plant func(m *machine) (said string, err error)
}

// controls is the table of them.
var controls = []control{
	{verdict.Errno, nothing, (*machine).controlErrno},
	{verdict.Notify, noDummy, (*machine).controlNotify},
	{verdict.Deadline, noModule, (*machine).controlDeadline},
	{verdict.Log, nothing, (*machine).controlLog},
	{verdict.Remains, noDummy, (*machine).controlRemains},
	{verdict.Life, noModule, (*machine).controlLife},
	{verdict.Live, noModule, (*machine).controlLive},
	{verdict.PerCPU, noModule, (*machine).controlPerCPU},
	{verdict.Account, noAccount, (*machine).controlAccount},
}

func nothing(*machine) string { return "" }

func noModule(m *machine) string {
	switch {
	case m.module == nil:
		return kmod.ErrAbsent.Error()
	case m.tracer == nil:
		return "the kernel has no kprobe events"
	}
	return noDummy(m)
}

func noDummy(m *machine) string {
	if !module.Loaded("dummy") && !m.builtIn("dummy") {
		return "the kernel has no module dummy"
	}
	return ""
}

func noAccount(m *machine) string {
	if !m.accounts {
		return account.ErrAbsent.Error()
	}
	return noModule(m)
}

// control runs all controls.
func (m *machine) control() error {
	if err := m.forget(); err != nil {
		return err
	}
	for _, c := range controls {
		if why := c.lacks(m); why != "" {
			m.lacking(c.oracle, why)
			continue
		}
		var said string
		var err error
		onThread(func() { said, err = c.plant(m) })
		if err != nil {
			m.controlled(c.oracle, false, err.Error())
			continue
		}
		m.controlled(c.oracle, true, said)
	}
	return nil
}

// onThread runs f on a thread that ends with it, so that its stack hides nothing
// from kmemleak later.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		f()
	}()
	<-done
}

// lacking tells the host that the kernel lacks what the oracle needs.
func (m *machine) lacking(oracle verdict.Oracle, why string) {
	m.host.send(wire.Message{Type: wire.Control, Control: &wire.ControlOutcome{Oracle: oracle, Absent: true, Detail: why}})
}

// errSilent is the failure of a control.
var errSilent = errors.New("it did not notice what was planted")

// controlDevice is the name of the device that controls create.
const controlDevice = "tdcontrol"

// withDevice runs f while there is a device, and deletes it.
func (m *machine) withDevice(f func() error) error {
	create, err := rtnl.Link{Name: controlDevice, Kind: "dummy"}.New()
	if err != nil {
		return err
	}
	if err := m.netlink.Do(create); err != nil {
		return fmt.Errorf("create a device: %w", err)
	}
	return errors.Join(f(), m.deleteDevice(m.netlink))
}

func (m *machine) deleteDevice(conn *rtnl.Conn) error {
	request, err := rtnl.Link{Name: controlDevice}.Delete()
	if err != nil {
		return err
	}
	if err := conn.Do(request); err != nil {
		return fmt.Errorf("delete a device: %w", err)
	}
	return nil
}

// controlErrno asks for a name that no device may have.
func (m *machine) controlErrno() (string, error) {
	request, err := rtnl.Link{Name: "x%s", Kind: "dummy"}.New()
	if err != nil {
		return "", err
	}
	if err := m.netlink.Do(request); !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP) {
		return "", fmt.Errorf("%w: a bad name was answered with %v", errSilent, err)
	} else {
		return errorName(err), nil
	}
}

// controlNotify creates and deletes a device.
func (m *machine) controlNotify() (string, error) {
	if err := m.withDevice(func() error { return nil }); err != nil {
		return "", err
	}
	notices, err := m.listener.Notices()
	if err != nil {
		return "", err
	}
	var said []string
	for _, n := range notices {
		if n.Name == controlDevice {
			said = append(said, noticeType(n))
		}
	}
	if len(said) < 2 {
		return "", fmt.Errorf("%w: of a device's creation and deletion it heard %d messages", errSilent, len(said))
	}
	return strings.Join(said, ", "), nil
}

// controlDeadline deletes a device to which there is a reference, which takes
// until the reference goes.
func (m *machine) controlDeadline() (string, error) {
	conn, err := rtnl.Dial()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	create, err := rtnl.Link{Name: controlDevice, Kind: "dummy"}.New()
	if err != nil {
		return "", err
	}
	if err := errors.Join(m.netlink.Do(create), m.module.Hold(controlDevice)); err != nil {
		return "", err
	}
	var w watch
	deleted := make(chan error, 1)
	go onThread(func() {
		w.begin()
		deleted <- m.deleteDevice(conn)
	})
	tick := time.NewTicker(controlLimit)
	defer tick.Stop()
	for !w.overdue(controlLimit) {
		select {
		case err := <-deleted:
			return "", errors.Join(fmt.Errorf("%w: a device was deleted while there was a reference to it", errSilent), err, m.module.Put())
		case <-tick.C:
		}
	}
	if err := m.module.Put(); err != nil {
		return "", err // and the deletion never ends
	}
	if err := <-deleted; err != nil {
		return "", err
	}
	return fmt.Sprintf("a deletion took more than %v", controlLimit), nil
}

// controlLimit is the deadline that the control of deadlines misses.
const controlLimit = 20 * time.Millisecond

// controlLog has a worker of the kernel warn or, without our module, writes words
// that the kernel might say.
func (m *machine) controlLog() (string, error) {
	const patience = 2 * time.Second
	plant := func() error { return m.module.Warn(0) }
	if m.module == nil {
		plant = func() error { return os.WriteFile("/dev/kmsg", []byte(plantedWords+"\n"), 0) }
	}
	if err := plant(); err != nil {
		return "", fmt.Errorf("plant a report in the kernel log: %w", err)
	}
	var records []klog.Record
	for end := time.Now().Add(wire.Deadline(patience)); time.Now().Before(end); {
		more, err := m.log.Drain()
		if err != nil {
			return "", err
		}
		records = append(records, more...)
		if reports := klog.Scan(records); len(reports) > 0 && strings.Contains(reports[0].Text, endOfPlant[m.module != nil]) {
			return reports[0].Title, nil
		}
		if err := m.log.Wait(wire.Deadline(patience)); err != nil {
			return "", err
		}
	}
	return "", errSilent
}

// plantedWords are put into the kernel log of a kernel without our module.
const plantedWords = "unregister_netdevice: waiting for positive-control to become free. Usage count = 1"

// endOfPlant is in the last line of what is planted, with and without our module.
var endOfPlant = map[bool]string{true: "---[ end trace", false: plantedWords}

// controlRemains looks while there is a device.
func (m *machine) controlRemains() (string, error) {
	before, err := m.viewer.Take()
	if err != nil {
		return "", err
	}
	var changes []remains.Change
	err = m.withDevice(func() error {
		now, err := m.viewer.Take()
		changes = now.Diff(before)
		return err
	})
	if err == nil && len(changes) == 0 {
		err = errSilent
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, and %d more", changes[0].Title(), len(changes)-1), nil
}

// controlLife has a device live whose driver breaks a promise.
func (m *machine) controlLife() (string, error) {
	if err := errors.Join(m.forget(), m.module.Plant(kmod.Twice)); err != nil {
		return "", err
	}
	events, err := m.tracer.Drain()
	if err != nil {
		return "", err
	}
	for _, d := range life.Record(events) {
		for _, v := range life.Check(d, m.absent) {
			return v.Title + unjudged(life.Skipped(m.absent)), nil
		}
	}
	return "", errSilent
}

// unjudged says which promises this kernel does not show.
func unjudged(promises []string) string {
	if len(promises) == 0 {
		return ""
	}
	return "; not judged: " + strings.Join(promises, "; ")
}

// controlLive allocates a device, and frees it afterwards.
func (m *machine) controlLive() (string, error) {
	if err := errors.Join(m.forget(), m.module.Plant(kmod.Netdev)); err != nil {
		return "", err
	}
	events, err := m.tracer.Drain()
	if err := errors.Join(err, m.module.Undo()); err != nil {
		return "", err
	}
	for _, d := range life.Alive(events) {
		return liveTitle(d), nil
	}
	return "", errSilent
}

// controlPerCPU allocates per-cpu memory, and frees it afterwards.
func (m *machine) controlPerCPU() (string, error) {
	if err := errors.Join(m.forget(), m.module.Plant(kmod.PerCPU)); err != nil {
		return "", err
	}
	events, err := m.tracer.Drain()
	if err := errors.Join(err, m.module.Undo()); err != nil {
		return "", err
	}
	var b percpu.Balance
	b.Add(events)
	for _, a := range b.Of([]int{gettid()}) {
		return a.Title(), nil
	}
	return "", errSilent
}

// controlAccount looks at the account while there is a device.
func (m *machine) controlAccount() (string, error) {
	before, err := account.Take(account.Path)
	if err != nil {
		return "", err
	}
	var grown []account.Growth
	err = m.withDevice(func() error {
		now, err := account.Take(account.Path)
		grown = now.Since(before)
		return err
	})
	if err == nil && len(grown) == 0 {
		err = errSilent
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, and %d more places", grown[0].Site, len(grown)-1), nil
}
