package tests

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/verdict"
)

// Names and indices of the devices that cases create. A case uses the same ones
// again and again, because that is what must be possible.
const (
	ownName   = "td0"
	ownIndex  = 1000
	peerName  = "td0p"
	peerIndex = 1001

	masterName  = "tdm"
	masterIndex = 1002
)

// A subject is a kind and one way to create it.
type subject struct {
	kind device.Kind
	way  device.Way
}

// subjects are all the kinds of the catalogue in all their ways.
func subjects() []subject {
	var all []subject
	for _, k := range device.Kinds {
		for _, w := range k.Ways {
			all = append(all, subject{k, w})
		}
	}
	return all
}

// String is the subject's part of a case's name: the kind, and the way unless it
// is the usual one.
func (s subject) String() string {
	if s.way.Name == s.kind.Ways[0].Name {
		return s.kind.Name
	}
	return s.kind.Name + "," + s.way.Name
}

// plain describes a device of the kind with nothing wrong about it.
func (s subject) plain() device.Device {
	d := device.Device{Name: ownName}
	if !s.way.Chosen.Has(device.Name) {
		d.Name = s.way.Given
	}
	if s.way.Chosen.Has(device.Index) {
		d.Index = ownIndex
	}
	if s.kind.Pair {
		d.Peer = &device.Device{Name: peerName, Index: peerIndex}
	}
	return d
}

// spec is the part of a case's description that is the subject's.
func (s subject) spec(name string) guest.Spec {
	spec := guest.Spec{
		Name:  s.String() + name,
		Kind:  s.kind.Name,
		Needs: []guest.Requirement{{Lines: s.kind.Lines, Config: s.kind.Config}, {Lines: s.way.Lines}},
	}
	if !s.kind.Eager {
		spec.Modules = []string{s.kind.Module}
	}
	return spec
}

// create returns the operation that creates d. What that needs is made now, if it
// is not there yet.
func (s subject) create(c *guest.C, d device.Device) device.Op {
	c.Provide(s.way.Needs...)
	if s.way.Lower != "" {
		d.Lower = c.Env.Made(s.way.Lower)
	}
	op, err := s.way.New(&c.Env, d)
	c.Unless(err)
	return op
}

// remove returns the operation that deletes d.
func (s subject) remove(c *guest.C, d device.Device) device.Op {
	op, err := s.way.Delete(&c.Env, d)
	c.Unless(err)
	return op
}

// live creates and deletes d, which must succeed, and must be told to listeners.
func (s subject) live(c *guest.C, what string, d device.Device) {
	o := c.Must(what, s.create(c, d))
	c.CheckTold(o, false, d.Names()...)
	s.die(c, d)
}

// die deletes d, which must succeed, and must be told to listeners. That the
// acknowledgement arrived means that the unregister path ran to its end:
// netdev_run_todo() waits in the task that drops the lock.
func (s subject) die(c *guest.C, d device.Device) {
	o := c.Must("deletion", s.remove(c, d))
	if s.way.Worker && !o.Told(true, d.Name) {
		c.WaitGone(d.Name)
		return
	}
	c.CheckTold(o, true, d.Names()...)
}

// silent checks that a refused creation of d was not told to listeners. Only
// rtnetlink promises that: a device made in another way is complete for
// rtnetlink as soon as it is registered, and register_netdevice() takes it back
// with an RTM_DELLINK.
func (s subject) silent(c *guest.C, o guest.Outcome, d device.Device) {
	if s.way.Chosen.Has(device.Queues) {
		c.CheckSilent(o, d.Name, d.Names()[1:]...)
	}
}

// wantRefusal checks that a creation failed with errno, or with what the way makes
// of every errno.
func (s subject) wantRefusal(c *guest.C, o guest.Outcome, errno unix.Errno) {
	wantRefusal(c, o, s.way.Told(guest.Release(), errno))
}

// wantNoMemory checks that a refusal is one for want of memory, in the words of
// the way.
func (s subject) wantNoMemory(c *guest.C, o guest.Outcome) { wantNoMemory(c, o, s.shortage()...) }

// shortage are the errnos by which the way may tell of a want of memory.
func (s subject) shortage() []unix.Errno {
	return append(slices.Clone(s.way.Shortage), s.way.Told(guest.Release(), unix.ENOMEM))
}

// wantRefusal checks that an operation failed with errno.
func wantRefusal(c *guest.C, o guest.Outcome, errno unix.Errno) {
	switch {
	case !o.Refused():
		c.Find(verdict.Errno, "a request that must be refused succeeded", "")
	case o.Errno() != errno:
		c.Find(verdict.Errno, fmt.Sprintf("refused with %s instead of %s",
			unix.ErrnoName(o.Errno()), unix.ErrnoName(errno)), o.Err.Error())
	}
}
