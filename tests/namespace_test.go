package tests

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/module"
	"netdev.test/teardown/initramfs/trace"
)

// TestNamespaceExit lets a network namespace die with devices in it
// (default_device_exit_batch() in net/core/dev.c), and makes one while the
// registration of its loopback is refused.
func TestNamespaceExit(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, sub := range subjects() {
			if !sub.way.Chosen.Has(device.Namespace) {
				continue
			}
			s.Case(sub.spec("/live"), func(c *guest.C) { exitLive(c, sub) })
			s.Case(refusedInNamespace(sub), func(c *guest.C) { exitAfterRefusal(c, sub) })
			if sub.kind.Pair {
				s.Case(sub.spec("/peer-outside"), func(c *guest.C) { exitWithPeerOutside(c, sub) })
				s.Case(sub.spec("/deleted-from-outside"), func(c *guest.C) { deleteAcross(c, sub) })
			}
		}
		for _, event := range []string{"NETDEV_POST_INIT", "NETDEV_REGISTER"} {
			spec := guest.Spec{Name: "lo/veto=" + event, Kind: "lo", Trigger: "veto=" + event, Noise: []string{klog.NotifierErrorInject}}
			s.Case(spec, func(c *guest.C) { refuseLoopback(c, event) })
		}
		s.Case(sweepSpec(guest.Spec{Name: "lo/sweep", Kind: "lo", Exit: anyExit}), sweepNamespace)
		for _, f := range fallbacks {
			s.Case(f.spec(trace.PostInit), func(c *guest.C) { f.refuse(c, "NETDEV_POST_INIT", trace.PostInit) })
			s.Case(f.spec(trace.Register), func(c *guest.C) { f.refuse(c, "NETDEV_REGISTER", trace.Register) })
		}
		killed := guest.Spec{Name: "lo/E0/fail=rtnl_lock_killable", Kind: "lo", Exit: trace.Killed, Trigger: "fail=rtnl_lock_killable"}
		s.Case(killed, killLoopback)
	})
}

// inNamespace makes a namespace for the case.
func inNamespace(c *guest.C) *guest.Namespace {
	n, err := guest.NewNamespace()
	c.Unless(err)
	return n
}

// exitLive leaves devices to the end of their namespace.
func exitLive(c *guest.C, sub subject) {
	n := inNamespace(c)
	d := sub.plain()
	d.NetNS = n.FD
	if d.Peer != nil {
		d.Peer.NetNS = n.FD
	}
	c.Must("creation in a namespace", sub.create(c, d))
	c.Unless(n.Close())
}

func refusedInNamespace(sub subject) guest.Spec {
	spec := sub.spec("/refused")
	spec.Exit, spec.Trigger = trace.Register, "name=default"
	return spec
}

// exitAfterRefusal ends a namespace in which a device was refused.
func exitAfterRefusal(c *guest.C, sub subject) {
	n := inNamespace(c)
	d := sub.plain()
	d.Name, d.NetNS = "default", n.FD
	if d.Peer != nil {
		d.Peer.NetNS = n.FD
	}
	o := c.Do(sub.create(c, d))
	c.WantExit(o, trace.Register)
	sub.silent(c, o, d)
	c.Unless(n.Close())
}

// exitWithPeerOutside ends the namespace of one end of a pair. The other end,
// which is outside, must go with it, and listeners must be told.
func exitWithPeerOutside(c *guest.C, sub subject) {
	n := inNamespace(c)
	d := sub.plain()
	d.Peer.NetNS = n.FD
	o := c.Must("creation across namespaces", sub.create(c, d))
	c.CheckTold(o, false, d.Name)
	c.Unless(n.Close())
	c.WaitGone(d.Name)
}

// deleteAcross deletes the end that is outside, and with it the one inside.
func deleteAcross(c *guest.C, sub subject) {
	n := inNamespace(c)
	d := sub.plain()
	d.Peer.NetNS = n.FD
	c.Must("creation across namespaces", sub.create(c, d))
	o := c.Must("deletion", sub.remove(c, d))
	c.CheckTold(o, true, d.Name)
	c.Unless(n.Close())
}

// refuseLoopback vetoes a notifier event while a namespace is made: its loopback
// is refused (loopback_net_init() in drivers/net/loopback.c), and with it the
// namespace.
func refuseLoopback(c *guest.C, event string) {
	injector, err := fault.LoadNotifier(guest.Debugfs, module.Root(), fault.First)
	c.Unless(err)
	c.Unless(injector.Veto(event, vetoErrno))
	unshare := newUnsharing(c)
	o := c.Do(unshare)
	c.Unless(injector.Unload())
	wantRefusal(c, o, vetoErrno)
	c.Must("creation of a namespace after a refused one", unshare)
}

// sweepNamespace fails each allocation of the making of a namespace: its loopback,
// and whatever else has its part in it (setup_net() in net/core/net_namespace.c
// undoes what was done before).
func sweepNamespace(c *guest.C) {
	nth, unshare := injector(c), newUnsharing(c)
	sweep(c, nth, unshare, func(o guest.Outcome) {
		wantNoMemory(c, o, unshareErrnos...)
		if o.Refused() {
			c.Must("creation of a namespace after a refused one", unshare)
		}
	})
}

// unshareErrnos are what pernet operations make of a failed allocation: those that
// open a socket of the kernel (ENFILE, EAFNOSUPPORT), and those that look at
// whether a file in procfs or a sysctl table was made (ENODEV, EEXIST).
var unshareErrnos = []unix.Errno{unix.ENFILE, unix.EAFNOSUPPORT, unix.ENODEV, unix.EEXIST}

// A fallback is a tunnel that each namespace gets by itself.
type fallback struct {
	name string // of the device
	kind string
}

// fallbacks are those of net/ipv4 and net/ipv6, registered by their drivers'
// pernet operations.
var fallbacks = []fallback{
	{"tunl0", "ipip"}, {"gre0", "gre"}, {"gretap0", "gretap"}, {"erspan0", "erspan"}, {"ip_vti0", "vti"},
	{"sit0", "sit"}, {"ip6tnl0", "ip6tnl"}, {"ip6gre0", "ip6gre"}, {"ip6_vti0", "vti6"},
}

// driver is the module that registers it.
func (f fallback) driver() string {
	k, _ := device.ByName(f.kind)
	return k.Module
}

func (f fallback) spec(exit trace.Exit) guest.Spec {
	k, _ := device.ByName(f.kind)
	spec := subject{kind: k, way: k.Ways[0]}.spec(fmt.Sprintf("/%s/fallback", exit))
	spec.Exit, spec.Trigger = exit, "namespace"
	return spec
}

// Values of [guest.FallbackTunnels]; the second is what guests have.
const (
	everywhere = "0"
	onlyInit   = "1"
)

// refuse vetoes the device of a namespace that is made with all of them, and makes
// another one.
func (f fallback) refuse(c *guest.C, event string, exit trace.Exit) {
	c.Unless(os.WriteFile(guest.FallbackTunnels, []byte(everywhere), 0))
	c.Env.OnClose(func() error { return os.WriteFile(guest.FallbackTunnels, []byte(onlyInit), 0) })
	unshare := newUnsharing(c)
	lift := c.VetoName(event, f.name, vetoErrno, fault.Last)
	o := c.Do(unshare)
	lift()
	wantRefusal(c, o, vetoErrno)
	c.WantExit(o, exit)
	c.Must("creation of a namespace after a refused one", unshare)
}

// killLoopback makes a namespace while register_netdev() cannot have the lock for
// its loopback, as if the task had been killed while it waited.
func killLoopback(c *guest.C) {
	unshare := newUnsharing(c)
	o, fired := c.Inject(c.Call(-int64(unix.EINTR), "rtnl_lock_killable"), 1, unshare)
	if !fired {
		c.SkipNow("register_netdev() takes another lock in this kernel")
	}
	wantRefusal(c, o, unix.EINTR)
	c.WantExit(o, trace.Killed)
	c.Must("creation of a namespace after a refused one", unshare)
}

// unsharing is the operation that makes a namespace, on the calling thread, and
// gives it up. It goes back to the namespace home.
type unsharing struct{ home int }

func newUnsharing(c *guest.C) unsharing {
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	c.Unless(err)
	c.Env.OnClose(func() error { return unix.Close(home) })
	c.MakesNamespaces()
	return unsharing{home}
}

func (u unsharing) Do() error { return unix.Unshare(unix.CLONE_NEWNET) }

func (u unsharing) Result(err error) error {
	if err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	return unix.Setns(u.home, unix.CLONE_NEWNET)
}
