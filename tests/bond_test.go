package tests

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/module"
	"netdev.test/teardown/initramfs/rtnl"
)

// slave describes the device that is enslaved.
var slave = device.Device{Name: ownName, Index: ownIndex}

// A team is a bond with one device that may be enslaved to it.
type team struct {
	c       *guest.C
	nth     *fault.Nth // of a sweep
	enslave device.Op
	release device.Op
}

// newTeam creates a bond and a dummy, both down.
func newTeam(c *guest.C) team {
	dummy, _ := device.ByName("dummy")
	d := subject{dummy, dummy.Ways[0]}
	bond := bondSubject()
	c.Unfinished(func() error { return undone(c, masterIndex, ownIndex) })
	c.Must("creation of a bond", bond.create(c, device.Device{Name: masterName, Index: masterIndex}))
	c.Must("creation of a dummy", d.create(c, slave))
	return team{
		c:       c,
		enslave: change(c, rtnl.Link{Index: ownIndex, Master: masterIndex}),
		release: change(c, rtnl.Link{Index: ownIndex, Master: -1}),
	}
}

// undone deletes what is there of the devices.
func undone(c *guest.C, indexes ...int) error {
	for _, index := range indexes {
		request, err := rtnl.Link{Index: index}.Delete()
		if err != nil {
			return err
		}
		op := device.Netlink(c.Env.Netlink, request)
		if err := op.Result(op.Do()); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("delete what the case left: %w", err)
		}
	}
	return nil
}

// disband deletes both, the one named first before the other.
func (m team) disband(first, second int) {
	for _, index := range []int{first, second} {
		request, err := rtnl.Link{Index: index}.Delete()
		m.c.Unless(err)
		m.c.Must("deletion", device.Netlink(m.c.Env.Netlink, request))
	}
}

// TestEnslave puts a device under a bond and takes it out again, with failures
// in between, and deletes either of them while they are joined.
func TestEnslave(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, e := range enslavements {
			s.Case(e.spec(), func(c *guest.C) {
				var nth *fault.Nth
				if e.sweep {
					nth = injector(c)
				}
				m := newTeam(c)
				m.nth = nth
				e.provoke(c, m)
				m.disband(ownIndex, masterIndex)
			})
		}
		s.Case(bondSpec("/slave-deleted"), func(c *guest.C) {
			m := newTeam(c)
			c.Must("enslavement", m.enslave)
			m.disband(ownIndex, masterIndex)
		})
		s.Case(bondSpec("/master-deleted"), func(c *guest.C) {
			m := newTeam(c)
			c.Must("enslavement", m.enslave)
			m.disband(masterIndex, ownIndex)
		})
	})
}

func bondSpec(name string) guest.Spec {
	return guest.Spec{Name: "bond" + name, Kind: "bond", Modules: []string{"bonding", "dummy"}}
}

// enslavement is one thing that happens between a bond and a device.
type enslavement struct {
	name    string
	trigger string
	noise   []string
	sweep   bool // it injects failed allocations
	provoke func(c *guest.C, m team)
}

func (e enslavement) spec() guest.Spec {
	spec := bondSpec("/" + e.name)
	spec.Trigger, spec.Noise = e.trigger, e.noise
	return spec
}

var enslavements = []enslavement{
	{name: "enslave-release", provoke: func(c *guest.C, m team) {
		for range 2 {
			c.Must("enslavement", m.enslave)
			c.Must("release", m.release)
		}
	}},
	{name: "enslave-sweep", trigger: "fail-nth", noise: []string{klog.FaultInjection}, sweep: true, provoke: func(c *guest.C, m team) {
		sweep(c, m.nth, m.enslave, func(o guest.Outcome) {
			wantNoMemory(c, o)
			if o.Refused() {
				c.Must("enslavement after a refused one", m.enslave)
			}
			c.Must("release", m.release)
		})
	}},
	{name: "release-sweep", trigger: "fail-nth", noise: []string{klog.FaultInjection}, sweep: true, provoke: func(c *guest.C, m team) {
		c.Must("enslavement", m.enslave)
		sweep(c, m.nth, m.release, func(o guest.Outcome) {
			wantNoMemory(c, o)
			if o.Refused() {
				c.Must("release after a refused one", m.release)
			}
			c.Must("enslavement", m.enslave)
		})
	}},
	{name: "veto=NETDEV_PRECHANGEUPPER", trigger: "veto=NETDEV_PRECHANGEUPPER", noise: []string{klog.NotifierErrorInject},
		provoke: refusedEnslavement("NETDEV_PRECHANGEUPPER", fault.First)},
	{name: "veto=NETDEV_CHANGEUPPER", trigger: "veto=NETDEV_CHANGEUPPER", noise: []string{klog.NotifierErrorInject},
		provoke: refusedEnslavement("NETDEV_CHANGEUPPER", fault.Last)},
	{name: "veto=NETDEV_PRE_UP", trigger: "veto=NETDEV_PRE_UP", noise: []string{klog.NotifierErrorInject},
		provoke: refusedEnslavement("NETDEV_PRE_UP", fault.First)},
}

// refusedEnslavement vetoes the event while a device is enslaved, and enslaves
// it again without the veto.
func refusedEnslavement(event string, priority int) func(*guest.C, team) {
	return func(c *guest.C, m team) {
		injector, err := fault.LoadNotifier(guest.Debugfs, module.Root(), priority)
		c.Unless(err)
		c.Unless(injector.Veto(event, vetoErrno))
		o := c.Do(m.enslave)
		c.Unless(injector.Unload())
		wantRefusal(c, o, vetoErrno)
		if o.Refused() {
			c.Must("enslavement after a refused one", m.enslave)
		}
		c.Must("release", m.release)
	}
}
