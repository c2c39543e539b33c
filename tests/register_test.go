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
	"netdev.test/teardown/initramfs/verdict"
)

// vetoErrno is what an injected veto returns: an errno that no driver uses, so
// that it proves where the refusal came from.
const vetoErrno = unix.EXFULL

// A trigger is one way to have a registration refused at one exit.
type trigger struct {
	exit  trace.Exit
	name  string
	needs device.Field // what the creator must be able to choose
	lacks device.Field // what the creator must not be able to choose
	errno unix.Errno
	// spoil makes the request one that is refused. For the peer of a pair, d
	// describes the peer.
	spoil func(c *guest.C, d *device.Device)
	// veto is the netdev notifier event that is vetoed, at priority.
	veto     string
	priority int
	// call returns the functions of which the first that the kernel has is made
	// to fail with errno, by our own module.
	call func(k device.Kind) []string
	// named says that our own module makes the veto, for one device by its name:
	// the injector of the kernel would hit the first device that comes.
	named bool
	// early says that the trigger is for a name that dev_alloc_name() is asked for.
	early bool
	// given says that the trigger is for a name that the driver gives.
	given bool
	// peer says that the same can be done to the peer of a pair.
	peer    bool
	modules []string
	noise   []string
}

// named is the edit that gives the device a name.
func named(name string) func(*guest.C, *device.Device) {
	return func(_ *guest.C, d *device.Device) { d.Name = name }
}

// enslaved is the edit that asks for a bond as master.
func enslaved(c *guest.C, d *device.Device) { d.Master = masterIndex }

// calls is for a function that is the same for all kinds.
func calls(functions ...string) func(device.Kind) []string {
	return func(device.Kind) []string { return functions }
}

// triggers is the table of facts about how a registration can be refused from
// user space; the exits are those of register_netdevice() in net/core/dev.c.
var triggers = []trigger{
	// rtnl_create_link(): more than 4096 queues.
	{exit: trace.Before, name: "num_tx_queues=4097", needs: device.Queues, errno: unix.EINVAL,
		spoil: func(_ *guest.C, d *device.Device) { d.TxQueues = 4097 }},

	// dev_alloc_name(), where a driver calls it: a pattern other than %d, no file name, a
	// name in use.
	{exit: trace.Before, name: "name=x%s", needs: device.Name, errno: unix.EINVAL, spoil: named("x%s"), early: true},
	{exit: trace.Before, name: "name=..", needs: device.Name, errno: unix.EINVAL, spoil: named(".."), early: true},
	{exit: trace.Before, name: "name=lo", needs: device.Name, errno: unix.ENFILE, spoil: named("lo"), early: true},

	{exit: trace.Ethtool, name: "fail=ethtool_check_ops", call: calls("ethtool_check_ops"), errno: vetoErrno},

	// dev_get_valid_name(): a pattern other than %d, no file name, a name in use.
	{exit: trace.Name, name: "name=x%s", needs: device.Name, errno: unix.EINVAL, spoil: named("x%s"), peer: true},
	{exit: trace.Name, name: "name=..", needs: device.Name | device.Index, errno: unix.EINVAL, spoil: named(".."), peer: true},
	{exit: trace.Name, name: "name=busy", needs: device.Name | device.Namespace, errno: unix.EEXIST, peer: true,
		spoil: func(c *guest.C, d *device.Device) { d.NetNS, d.Name = c.BusyNamespace(), guest.BusyName }},

	{exit: trace.Name, name: "name=taken", errno: unix.EEXIST, given: true, modules: []string{"dummy"}},

	{exit: trace.NdoInit, name: "fail=ndo_init", errno: vetoErrno, call: ndoInit},

	// dev_index_reserve(), before 6.6 __dev_get_by_index().
	{exit: trace.Index, name: "ifindex=busy", needs: device.Index | device.Namespace, errno: unix.EBUSY, peer: true,
		spoil: func(c *guest.C, d *device.Device) { d.NetNS, d.Index = c.BusyNamespace(), guest.BusyIndex }},
	// The ifindex of lo, where the namespace cannot be chosen. For rtnetlink, that is
	// a request about lo.
	{exit: trace.Index, name: "ifindex=lo", needs: device.Index, lacks: device.Namespace | device.Queues, errno: unix.EBUSY,
		spoil: func(_ *guest.C, d *device.Device) { d.Index = 1 }},

	{exit: trace.PostInit, name: "veto=NETDEV_POST_INIT,first", veto: "NETDEV_POST_INIT", priority: fault.First, errno: vetoErrno},
	{exit: trace.PostInit, name: "veto=NETDEV_POST_INIT,last", veto: "NETDEV_POST_INIT", priority: fault.Last, errno: vetoErrno},
	{exit: trace.PostInit, name: "veto=NETDEV_POST_INIT,named", veto: "NETDEV_POST_INIT", named: true, priority: fault.Last, errno: vetoErrno, peer: true},

	// netdev_register_kobject(): /sys/class/net/bonding_masters is a class
	// attribute once bonding is loaded.
	{exit: trace.Kobject, name: "name=bonding_masters", needs: device.Name, errno: unix.EEXIST, spoil: named("bonding_masters"), peer: true,
		modules: []string{"bonding"}, noise: []string{klog.BondingMasters}},

	// register_queue_kobjects(), which is inlined: its two halves.
	{exit: trace.Queues, name: "fail=net_rx_queue_update_kobjects", call: calls("net_rx_queue_update_kobjects"), errno: vetoErrno},
	{exit: trace.Queues, name: "fail=netdev_queue_update_kobjects", call: calls("netdev_queue_update_kobjects"), errno: vetoErrno},

	// inetdev_event(): sysctl_dev_name_is_allowed() refuses the names that
	// net/ipv4/conf has for itself.
	{exit: trace.Register, name: "name=default", needs: device.Name, errno: unix.EINVAL, spoil: named("default"), peer: true},
	{exit: trace.Register, name: "name=all", needs: device.Name, errno: unix.EINVAL, spoil: named("all"), peer: true},
	{exit: trace.Register, name: "veto=NETDEV_REGISTER,first", veto: "NETDEV_REGISTER", priority: fault.First, errno: vetoErrno},
	{exit: trace.Register, name: "veto=NETDEV_REGISTER,last", veto: "NETDEV_REGISTER", priority: fault.Last, errno: vetoErrno},

	{exit: trace.Register, name: "veto=NETDEV_REGISTER,named", veto: "NETDEV_REGISTER", named: true, priority: fault.Last, errno: vetoErrno, peer: true},

	// rtnl_newlink() after a successful registration: do_set_master() with a
	// device that takes no slaves, rtnl_configure_link() that may not bring the
	// device up, and a bond that is not allowed to take it.
	{exit: trace.Late, name: "master=lo", needs: device.Master, errno: unix.EOPNOTSUPP,
		spoil: func(_ *guest.C, d *device.Device) { d.Master = 1 }},
	{exit: trace.Late, name: "veto=NETDEV_PRE_UP", needs: device.Flags, veto: "NETDEV_PRE_UP", priority: fault.First, errno: vetoErrno, peer: true,
		spoil: func(_ *guest.C, d *device.Device) { d.Up = true }},
	{exit: trace.Late, name: "veto=NETDEV_PRECHANGEUPPER", needs: device.Master | device.Slave, veto: "NETDEV_PRECHANGEUPPER", priority: fault.First, errno: vetoErrno,
		spoil: enslaved, modules: []string{"bonding"}},
	{exit: trace.Late, name: "veto=NETDEV_CHANGEUPPER", needs: device.Master | device.Slave, veto: "NETDEV_CHANGEUPPER", priority: fault.Last, errno: vetoErrno,
		spoil: enslaved, modules: []string{"bonding"}},
}

// TestRegisterFailure has every kind refused at every exit that a request can
// reach, then asks for the same device again, which must be granted.
func TestRegisterFailure(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, sub := range subjects() {
			for _, tr := range triggers {
				if !tr.suits(sub) {
					continue
				}
				s.Case(tr.spec(sub, ""), func(c *guest.C) { tr.provoke(c, sub, false) })
				if tr.suitsPeer(sub) {
					s.Case(tr.spec(sub, ",peer"), func(c *guest.C) { tr.provoke(c, sub, true) })
				}
			}
		}
	})
}

// suits reports whether the trigger can be tried on the subject. A named veto is
// for what the kernel's own injector cannot single out: one end of a pair.
func (tr trigger) suits(sub subject) bool {
	switch {
	case tr.call != nil && len(tr.call(sub.kind)) == 0:
		return false // the kind has no such function
	case sub.way.Lenient && tr.exit != trace.Late:
		return false // nobody is told of a refusal
	case tr.call != nil && sub.way.Deferred:
		return false // it is called by another thread
	case tr.early && !sub.way.Early, tr.exit == trace.Name && sub.way.Early:
		return false
	case tr.named && !sub.kind.Pair, tr.given && (sub.way.Given == "" || sub.way.Pattern):
		return false
	}
	return sub.way.Chosen.Has(tr.needs) && sub.way.Chosen&tr.lacks == 0
}

// suitsPeer reports whether the trigger can be tried on the other end of a pair.
func (tr trigger) suitsPeer(sub subject) bool {
	flags := !tr.needs.Has(device.Flags) || sub.way.Chosen.Has(device.PeerFlags)
	return sub.kind.Pair && tr.peer && flags
}

func (tr trigger) spec(sub subject, suffix string) guest.Spec {
	spec := sub.spec(fmt.Sprintf("/%s/%s%s", tr.exit, tr.name, suffix))
	spec.Exit = tr.exit
	spec.Trigger = tr.name + suffix
	spec.Modules = append(spec.Modules, tr.modules...)
	spec.Noise = tr.noise
	if tr.veto != "" && !tr.named {
		spec.Noise = append(spec.Noise, klog.NotifierErrorInject)
	}
	return spec
}

// provoke has one device refused, and then creates it.
func (tr trigger) provoke(c *guest.C, sub subject, peer bool) {
	if bad, refused := tr.refuse(c, sub, peer); refused {
		sub.live(c, afterRefusal, sub.again(bad))
	}
}

// refuse has one device refused, and describes it.
func (tr trigger) refuse(c *guest.C, sub subject, peer bool) (bad device.Device, refused bool) {
	bad = sub.plain()
	own := &bad
	if peer {
		own = bad.Peer
	}
	if tr.spoil != nil {
		tr.spoil(c, own)
	}
	if own.Master == masterIndex {
		defer master(c)()
	}
	o := tr.try(c, sub, own.Name, sub.create(c, bad))

	sub.wantRefusal(c, o, tr.errno)
	sub.silent(c, o, bad)
	if !o.Refused() {
		sub.die(c, bad)
		return bad, false
	}
	if o.Exit() != tr.exit {
		c.Blind(verdict.Trigger, fmt.Sprintf("the request was refused at %s, not at %s", o.Exit(), tr.exit))
	}
	return bad, true
}

// again describes the device that was refused without what was wrong about it:
// the same ifindex where that was free, and the same name where it is allowed.
func (s subject) again(bad device.Device) device.Device {
	good := s.plain()
	if bad.Name == good.Name {
		return good
	}
	good.Name = ownName + "r"
	return good
}

// try has the trigger in place while create runs, which concerns the device of
// that name.
func (tr trigger) try(c *guest.C, sub subject, name string, create device.Op) guest.Outcome {
	if tr.call != nil {
		o, fired := c.Inject(c.Call(-int64(tr.errno), tr.call(sub.kind)...), 1, create)
		if !fired {
			c.Blind(verdict.Trigger, "the function that was to fail was not called")
		}
		return o
	}
	lift := tr.impose(c, name)
	defer lift()
	return c.Do(create)
}

// impose puts the trigger's veto in place and returns how to lift it.
func (tr trigger) impose(c *guest.C, name string) (lift func()) {
	switch {
	case tr.given:
		return occupy(c, name)
	case tr.veto == "":
		return func() {}
	case tr.named:
		return c.VetoName(tr.veto, name, tr.errno, tr.priority)
	}
	injector, err := fault.LoadNotifier(guest.Debugfs, module.Root(), tr.priority)
	c.Unless(err)
	if err := injector.Veto(tr.veto, tr.errno); err != nil {
		c.Unless(injector.Unload())
		c.Unless(err)
	}
	return func() { c.Unless(injector.Unload()) }
}

// ndoInit is the kind's ndo_init, if it has one in this kernel.
func ndoInit(k device.Kind) []string {
	if name := device.On(guest.Release(), k.NdoInit); name != "" {
		return []string{name}
	}
	return nil
}

// occupy has another device have the name, and returns how to give it back.
func occupy(c *guest.C, name string) (release func()) {
	dummy, _ := device.ByName("dummy")
	other := subject{dummy, dummy.Ways[0]}
	d := device.Device{Name: name}
	c.Must("creation of a dummy", other.create(c, d))
	return func() { c.Must("deletion of the dummy", other.remove(c, d)) }
}

// bondSubject is the bond in its first way.
func bondSubject() subject {
	k, _ := device.ByName("bond")
	return subject{k, k.Ways[0]}
}

// master creates a bond for others to be enslaved to, and returns how to delete
// it.
func master(c *guest.C) (remove func()) {
	bond := bondSubject()
	d := device.Device{Name: masterName, Index: masterIndex}
	c.Must("creation of a bond", bond.create(c, d))
	return func() { c.Must("deletion of the bond", bond.remove(c, d)) }
}
