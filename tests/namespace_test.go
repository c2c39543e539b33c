package tests

import (
	"fmt"
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
	return unsharing{home}
}

func (u unsharing) Do() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	return unix.Setns(u.home, unix.CLONE_NEWNET)
}

func (unsharing) Result(err error) error { return err }
