package tests

import (
	"testing"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/rtnl"
)

// TestLifeCycle creates a device, brings it up and down where it can, and
// deletes it: the path on which nothing fails. The same name and ifindex must be
// free again each time.
func TestLifeCycle(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, sub := range subjects() {
			s.Case(sub.spec("/create-delete"), func(c *guest.C) {
				for range 3 {
					sub.live(c, "creation", sub.plain())
				}
			})
			s.Case(sub.spec("/up-down"), func(c *guest.C) {
				d := sub.plain()
				c.Must("creation", sub.create(c, d))
				if sub.up(c, d) {
					for _, name := range d.Names() {
						c.Must("down", change(c, rtnl.Link{Name: name, Down: true}))
					}
				}
				sub.die(c, d)
			})
			s.Case(sub.spec("/delete-while-up"), func(c *guest.C) {
				d := sub.plain()
				c.Must("creation", sub.create(c, d))
				sub.up(c, d)
				sub.die(c, d)
			})
		}
	})
}

// up brings the device up, and its peer, or is refused as the way says.
func (s subject) up(c *guest.C, d device.Device) bool {
	for _, name := range d.Names() {
		up := change(c, rtnl.Link{Name: name, Up: true})
		if s.way.Up != 0 {
			wantRefusal(c, c.Do(up), s.way.Up)
			return false
		}
		c.Must("up", up)
	}
	return true
}

// change returns the operation that changes the device named or numbered by l.
func change(c *guest.C, l rtnl.Link) device.Op {
	request, err := l.Set()
	c.Unless(err)
	return device.Netlink(c.Env.Netlink, request)
}
