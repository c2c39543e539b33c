package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/remains"
	"netdev.test/teardown/initramfs/rtnl"
	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// The device that occupies a name and an ifindex in the busy namespace. Kernels
// before 7.2 look for an existing device in the namespace of the socket, so a
// collision that register_netdevice() is to meet must be in another one.
const (
	BusyName  = "busy0"
	BusyIndex = 4711
)

// A Namespace is a network namespace with a socket in it.
type Namespace struct {
	FD      int
	Netlink *rtnl.Conn
}

// NewNamespace makes a namespace. The thread that made it is thrown away, so the
// namespace lives until both descriptors are closed.
func NewNamespace() (*Namespace, error) {
	namespaceMade.Store(true)
	type made struct {
		n   *Namespace
		err error
	}
	result := make(chan made)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread stays in the namespace
		n, err := unshare()
		result <- made{n, err}
	}()
	m := <-result
	return m.n, m.err
}

func unshare() (*Namespace, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the network namespace: %w", err)
	}
	c, err := rtnl.Dial()
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &Namespace{FD: fd, Netlink: c}, nil
}

// Close gives the namespace up. Its end is the kernel's business from then on,
// in a worker (cleanup_net() in net/core/net_namespace.c).
func (n *Namespace) Close() error {
	if err := n.Netlink.Close(); err != nil {
		return err
	}
	return unix.Close(n.FD)
}

// BusyNamespace makes a namespace in which [BusyName] and [BusyIndex] are in
// use, for as long as the case lasts, and returns its descriptor.
func (c *C) BusyNamespace() int {
	n, err := NewNamespace()
	c.Unless(err)
	c.Env.OnClose(n.Close)
	c.Unless(self.load("dummy"))
	request, err := rtnl.Link{Name: BusyName, Index: BusyIndex, Kind: "dummy"}.New()
	c.Unless(err)
	c.Unless(n.Netlink.Do(request))
	return n.FD
}

// deferredNamespaces is the list on which a kernel keeps the memory of dead
// namespaces until cleanup_net() runs the next time (net_free() in
// net/core/net_namespace.c, from 6.13 and in the stable kernels that took the
// change). It makes one namespace too many normal.
const deferredNamespaces = "defer_free_list"

func (m *machine) defersNamespaces() bool {
	_, ok := m.symbols[deferredNamespaces]
	return ok
}

// FallbackTunnels says which namespaces get a tunnel device of each sort by
// themselves: with 1, the initial one only (net_has_fallback_tunnels() in
// include/linux/netdevice.h).
const FallbackTunnels = "/proc/sys/net/core/fb_tunnels_only_for_init_net"

// limitFallback keeps namespaces small: a dozen tunnels in each would be made and
// torn down with every one that a case needs.
func limitFallback() error {
	if err := os.WriteFile(FallbackTunnels, []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("limit fallback tunnels: %w", err)
	}
	return nil
}

// flushNamespaces has cleanup_net() run once more. Where deaths are deferred,
// the one namespace that it makes and drops is all that is kept afterwards.
func flushNamespaces() error {
	n, err := NewNamespace()
	if err != nil {
		return err
	}
	return n.Close()
}

// bury has the memory of dead namespaces freed, before a leak scan. What they point to
// died with them, and kmemleak would take that for references to what was allocated in
// the same place since. The one that is kept then is younger than all that is looked
// for.
func (m *machine) bury() error {
	if !m.defersNamespaces() {
		return nil
	}
	kept, err := remains.CountNamespaces()
	if err != nil {
		return err
	}
	if err := flushNamespaces(); err != nil {
		return err
	}
	for begin := time.Now(); time.Since(begin) < m.settleLimit(); time.Sleep(settleStep) {
		if n, err := remains.CountNamespaces(); err != nil || n <= kept {
			return err
		}
	}
	return errors.New("the memory of dead namespaces was not freed, which may hide leaks")
}

// delayedRelease is the function by which a kernel with
// CONFIG_DEBUG_KOBJECT_RELEASE releases a kobject one to four seconds after its
// last reference went (kobject_release() in lib/kobject.c).
const delayedRelease = "kobject_delayed_cleanup"

func (m *machine) delaysRelease() bool {
	_, ok := m.symbols[delayedRelease]
	return ok
}

// lateChain is how long the kobjects of a device can take that are released late, each
// after four seconds at most, and one after the other: those of its queues, its own, and
// then those that wait for the device.
const lateChain = 3 * 4 * time.Second

// settleLimit is how long what a case leaves may take to go.
func (m *machine) settleLimit() time.Duration {
	if m.delaysRelease() {
		return wire.Deadline(settleTime + lateChain)
	}
	return wire.Deadline(settleTime)
}

// ReleasesLate reports whether the kernel releases kobjects seconds after their last
// reference went, and so devices, which wait for those of their queues.
func ReleasesLate() bool { return self.delaysRelease() }

// quarantine is the function of KASAN that gives back a cache's freed objects.
const quarantine = "kasan_cache_shrink"

func (m *machine) quarantines() bool {
	_, ok := m.symbols[quarantine]
	return ok
}

// census is the number of network namespaces where KASAN's quarantine holds dead
// ones. To empty it takes longer the longer the guest runs, and is left out for a
// case that made no namespace and after which the number with the dead is the same.
type census struct {
	alive int // when the quarantine was last empty
	all   int // with the dead, before the case
}

// namespaceMade says that the case made namespaces.
var namespaceMade atomic.Bool

// MakesNamespaces says that the case makes network namespaces without
// [NewNamespace].
func (c *C) MakesNamespaces() { namespaceMade.Store(true) }

// count empties the quarantine and counts.
func (n *census) count() error {
	if err := remains.EmptyQuarantine(); err != nil {
		return err
	}
	var err error
	n.alive, err = remains.CountNamespaces()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// snapshot looks at what is there before a case.
func (m *machine) snapshot() (remains.Snapshot, error) {
	if s := m.last; s != nil {
		m.last = nil
		return s, nil
	}
	defer m.spent(verdict.Remains, time.Now())
	s, err := m.viewer.Take()
	if err == nil && m.quarantines() {
		namespaceMade.Store(false)
		m.census.all = s.Namespaces()
		s.SetNamespaces(m.census.alive)
	}
	return s, err
}

// resnap looks at what is there after a case.
func (m *machine) resnap() (remains.Snapshot, error) {
	defer m.spent(verdict.Remains, time.Now())
	s, err := m.viewer.Take()
	if err != nil || !m.quarantines() {
		return s, err
	}
	if namespaceMade.Load() || s.Namespaces() != m.census.all {
		err = m.census.count()
	}
	s.SetNamespaces(m.census.alive)
	return s, err
}
