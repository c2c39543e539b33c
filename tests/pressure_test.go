package tests

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/holder"
	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/initramfs/rtnl"
	"netdev.test/teardown/initramfs/verdict"
)

// heldElsewhere are the holders that are tried on other kinds than dummy too:
// one of each sort. Of a pair the one end is held while the other is deleted.
var heldElsewhere = []string{
	"packet-fanout", "route-ipv4", "route-ipv6", "tc-mirred", "nft-chain", "proc-sys-ipv4", "sysfs-attribute", "socket-udp4", "socket-udp6",
}

// pressed reports whether the holder is tried on devices of the kind.
func pressed(h holder.Holder, kind string) bool {
	return h.Fits(kind) && (kind == "dummy" || len(h.Kinds) > 0 || slices.Contains(heldElsewhere, h.Name))
}

// basicKinds are the kinds on which the core's handling of references and races is
// tried. It does not depend on the driver.
func basicKinds() []device.Kind {
	return slices.DeleteFunc(slices.Clone(device.Kinds), func(k device.Kind) bool { return k.Family != "basic" })
}

// TestPressure deletes devices to which somebody holds a reference, or something
// that must go with them. The holder is made to let go, and can still be used.
func TestPressure(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, k := range basicKinds() {
			sub := subject{k, k.Ways[0]}
			for _, h := range holder.Holders {
				if pressed(h, k.Name) {
					spec := sub.spec("/" + h.Name)
					spec.Modules = append(spec.Modules, h.Modules...)
					s.Case(spec, func(c *guest.C) { press(c, sub, h) })
				}
			}
			s.Case(sub.spec("/namespace-entered"), func(c *guest.C) { leaveNamespace(c, sub) })
			s.Case(heldSpec(sub), func(c *guest.C) { waitForHolder(c, sub) })
		}
		for _, tn := range tuns {
			s.Case(guest.Spec{Name: "tun/" + tn.name, Kind: "tun", Modules: tn.modules}, tn.provoke)
		}
	})
}

// press deletes a device that is held, and uses the holder afterwards: once
// without the device, and once it was created anew, with the same name and
// ifindex, which the holder then must not touch.
func press(c *guest.C, sub subject, h holder.Holder) {
	d := sub.plain()
	c.Must("creation", sub.create(c, d))
	if h.Up {
		for _, name := range d.Names() {
			c.Must("up", change(c, rtnl.Link{Name: name, Up: true}))
		}
	}
	target := holder.Target{Name: d.Name, Index: d.Index}
	if d.Peer != nil {
		target = holder.Target{Name: d.Peer.Name, Index: d.Peer.Index}
	}
	held := hold(c, h, target, func() { c.Must("deletion", sub.remove(c, d)) })
	sub.die(c, d)
	useAgain(c, held.After)
	c.Must("creation while the holder of the last one is there", sub.create(c, d))
	letGo(c, held.Close)
	sub.die(c, d)
}

// hold takes hold of the device. When the kernel has no such holder the case is
// skipped, after undo.
func hold(c *guest.C, h holder.Holder, t holder.Target, undo func()) *holder.Held {
	held, err := h.Hold(t)
	if err != nil {
		undo()
	}
	if errors.Is(err, holder.ErrAbsent) {
		c.SkipNow(err.Error())
	}
	c.Unless(err)
	c.Env.OnClose(held.Close)
	return held
}

// useAgain checks what becomes of uses of a device that is gone.
func useAgain(c *guest.C, uses []holder.Use) {
	for _, u := range uses {
		o := c.Do(action(u.Do))
		switch {
		case u.Want == 0 && o.Refused():
			c.Find(verdict.Errno, fmt.Sprintf("%s without the device: %s", u.What, o.Err), "")
		case u.Want != 0 && !o.Refused():
			c.Find(verdict.Errno, fmt.Sprintf("%s without the device: succeeded", u.What), "")
		case o.Errno() != u.Want:
			c.Find(verdict.Errno, fmt.Sprintf("%s without the device: %s instead of %s", u.What, o.Err, unix.ErrnoName(u.Want)), "")
		}
	}
}

// letGo closes what held the device.
func letGo(c *guest.C, close func() error) { c.Must("letting go", action(close)) }

// action is an operation that consists of whatever the function does.
type action func() error

func (a action) Do() error              { return a() }
func (a action) Result(err error) error { return err }

// leaveNamespace has a thread in the namespace of a device, which must stay for as
// long as the thread does, and go with it (cleanup_net() in
// net/core/net_namespace.c). Where the device is one of a pair, the other end is
// outside, and goes too.
func leaveNamespace(c *guest.C, sub subject) {
	n := inNamespace(c)
	d := sub.plain()
	d.NetNS = n.FD
	c.Must("creation in a namespace", sub.create(c, d))
	entered, leave := make(chan error), make(chan struct{})
	var inside []rtnl.Notice
	left := aside(c, func() error {
		err := unix.Setns(n.FD, unix.CLONE_NEWNET)
		entered <- err
		if err != nil {
			return err
		}
		<-leave
		inside, err = linksHere()
		return err
	})
	c.Unless(<-entered)
	c.Unless(n.Close())
	close(leave)
	c.Unless(left())
	there := func(l rtnl.Notice) bool { return l.Name == d.Name }
	if !slices.ContainsFunc(inside, there) {
		c.Find(verdict.Remains, "a device went before the last thread left its namespace", "")
	}
	if d.Peer != nil {
		c.WaitGone(d.Peer.Name)
	}
}

// heldSpec is the spec of a case in which our own module holds a reference.
func heldSpec(sub subject) guest.Spec {
	spec := sub.spec("/reference-held")
	spec.Modules = append(spec.Modules, "dummy", kmod.Name)
	return spec
}

// waitForHolder deletes a device to which a reference is held by somebody who does
// not listen to the notifier chain. The kernel has to wait for him
// (netdev_wait_allrefs_any() in net/core/dev.c), and without the rtnl lock: other
// devices come and go meanwhile.
func waitForHolder(c *guest.C, sub subject) {
	m, err := kmod.Open(guest.Debugfs)
	c.Unless(err)
	c.Env.OnClose(m.Close)
	w := newWitness(c)
	d := sub.plain()
	c.Must("creation", sub.create(c, d))
	c.Unless(m.Hold(d.Name))
	remove := sub.remove(c, d)
	let := aside(c, func() error { return errors.Join(w.watch(d.Name), m.Put()) })
	o := c.Do(action(func() error {
		defer w.over.Store(true)
		return device.Run(remove)
	}))
	c.Unless(c.Do(action(let)).Err)
	if o.Refused() {
		c.Find(verdict.Errno, "deletion of a device that is held: refused", o.Err.Error())
		return
	}
	c.CheckTold(o, true, d.Name)
	if w.early {
		c.Find(verdict.Life, "a deletion ended while a reference was held", "")
	}
}

// witness sees what happens while a device is deleted that is held.
type witness struct {
	listener, conn *rtnl.Conn
	create, remove rtnl.Request // of another device
	over           atomic.Bool  // the deletion ended
	early          bool         // it did so before the holder let go
}

func newWitness(c *guest.C) *witness {
	w := &witness{}
	var errs [4]error
	w.listener, errs[0] = rtnl.Listen()
	w.conn, errs[1] = rtnl.Dial()
	other := rtnl.Link{Name: masterName, Index: masterIndex, Kind: "dummy"}
	w.create, errs[2] = other.New()
	w.remove, errs[3] = other.Delete()
	c.Unless(errors.Join(errs[:]...))
	c.Env.OnClose(w.listener.Close)
	c.Env.OnClose(w.conn.Close)
	return w
}

// watch waits for the notification that the device is gone, which comes before
// the wait for references, and then creates and deletes another device.
func (w *witness) watch(name string) error {
	for gone := false; !gone; {
		var err error
		if gone, err = w.listener.AwaitGone(name); err != nil {
			return err
		}
		if w.over.Load() {
			break // it was refused, or did not wait
		}
	}
	err := errors.Join(w.conn.Do(w.create), w.conn.Do(w.remove))
	w.early = w.over.Load()
	return err
}

// linksHere lists the devices of the calling thread's namespace.
func linksHere() ([]rtnl.Notice, error) {
	conn, err := rtnl.Dial()
	if err != nil {
		return nil, err
	}
	links, err := conn.Links()
	return links, errors.Join(err, conn.Close())
}

// tuned is a device that a file holds, and what becomes of it.
type tuned struct {
	name    string
	flags   uint16
	queues  int
	modules []string
	end     func(c *guest.C, tun *holder.Tun)
}

var tuns = []tuned{
	{name: "tun-open", flags: unix.IFF_TUN, queues: 1, end: deleteOpen},
	{name: "tap-open", flags: unix.IFF_TAP | unix.IFF_NO_PI, queues: 1, end: deleteOpen},
	{name: "tap-queues", flags: unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_MULTI_QUEUE, queues: 3, end: deleteOpen},
	{name: "tap-closed-while-enslaved", flags: unix.IFF_TAP | unix.IFF_NO_PI, queues: 1, modules: []string{"bonding"}, end: closeEnslaved},
}

func (tn tuned) provoke(c *guest.C) {
	var tun *holder.Tun
	o := c.Do(action(func() (err error) {
		tun, err = holder.OpenTun(ownName, tn.flags, tn.queues)
		return err
	}))
	if errors.Is(o.Err, holder.ErrAbsent) {
		c.SkipNow(o.Err.Error())
	}
	c.Unless(o.Err)
	c.Env.OnClose(tun.Close)
	c.CheckTold(o, false, ownName)
	tn.end(c, tun)
}

// deleteOpen deletes the device while its files are open, and closes them when
// there is another of that name.
func deleteOpen(c *guest.C, tun *holder.Tun) {
	request, err := rtnl.Link{Name: ownName}.Delete()
	c.Unless(err)
	o := c.Must("deletion", device.Netlink(c.Env.Netlink, request))
	c.CheckTold(o, true, ownName)
	useAgain(c, tun.After())
	again, err := holder.OpenTun(ownName, unix.IFF_TUN, 1)
	c.Unless(err)
	letGo(c, tun.Close)
	letGo(c, again.Close)
}

// closeEnslaved closes the file, and with it ends the device, while it is
// enslaved.
func closeEnslaved(c *guest.C, tun *holder.Tun) {
	defer master(c)()
	c.Must("enslavement", change(c, rtnl.Link{Name: ownName, Master: masterIndex}))
	o := c.Must("closing of the tun file", action(tun.Close))
	c.CheckTold(o, true, ownName)
}
