package tests

import (
	"testing"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/rtnl"
)

// TestLowerRemoved deletes the devices below another one first. Their
// NETDEV_UNREGISTER takes the upper one along, in the same unregistration, unless
// it can do without.
func TestLowerRemoved(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, sub := range subjects() {
			if len(sub.way.Lowers()) > 0 {
				s.Case(sub.spec(""), func(c *guest.C) { removeLower(c, sub, false) })
				s.Case(sub.spec("/up"), func(c *guest.C) { removeLower(c, sub, true) })
			}
		}
	})
}

func removeLower(c *guest.C, sub subject, up bool) {
	d := sub.plain()
	c.Must("creation", sub.create(c, d))
	if up {
		sub.up(c, d)
	}
	told := false
	for _, name := range sub.way.Lowers() {
		request, err := rtnl.Link{Index: c.Env.Made(name)}.Delete()
		c.Unless(err)
		o := c.Must("deletion of the "+name, device.Netlink(c.Env.Netlink, request))
		told = told || o.Told(true, d.Name)
	}
	switch {
	case sub.way.Outlives:
		sub.die(c, d)
	case !told:
		c.Missing(true)
	}
}
