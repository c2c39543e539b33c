package tests

import (
	"slices"
	"testing"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/rtnl"
	"netdev.test/teardown/initramfs/trace"
)

// TestLowerRemoved deletes the devices below another one first. Their
// NETDEV_UNREGISTER takes the upper one along, in the same unregistration, unless
// it can do without. When the upper one was refused there is nothing to take along,
// and nothing may be left of what the driver attached to the devices below.
func TestLowerRemoved(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, sub := range subjects() {
			if len(sub.way.Lowers()) > 0 {
				s.Case(sub.spec(""), func(c *guest.C) { removeLower(c, sub, false) })
				s.Case(sub.spec("/up"), func(c *guest.C) { removeLower(c, sub, true) })
				for _, tr := range refusals(sub) {
					s.Case(tr.spec(sub, ""), func(c *guest.C) {
						tr.refuse(c, sub, false)
						removeLowers(c, sub, "")
					})
				}
			}
		}
	})
}

// refusals are a trigger for an exit before ndo_init, and one for an exit after it.
func refusals(sub subject) []trigger {
	var some []trigger
	for _, exit := range []trace.Exit{trace.Name, trace.Register} {
		if i := slices.IndexFunc(triggers, func(tr trigger) bool { return tr.exit == exit && tr.suits(sub) }); i >= 0 {
			some = append(some, triggers[i])
		}
	}
	return some
}

func removeLower(c *guest.C, sub subject, up bool) {
	d := sub.plain()
	c.Must("creation", sub.create(c, d))
	if up {
		sub.up(c, d)
	}
	told := removeLowers(c, sub, d.Name)
	switch {
	case sub.way.Outlives:
		sub.die(c, d)
	case !told:
		c.Missing(true)
	}
}

// removeLowers deletes the devices below, and tells whether listeners were told that
// the one with that name went along.
func removeLowers(c *guest.C, sub subject, upper string) (told bool) {
	for _, name := range sub.way.Lowers() {
		request, err := rtnl.Link{Index: c.Env.Made(name)}.Delete()
		c.Unless(err)
		o := c.Must("deletion of the "+name, device.Netlink(c.Env.Netlink, request))
		told = told || o.Told(true, upper)
	}
	return told
}
