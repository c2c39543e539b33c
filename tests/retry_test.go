package tests

import (
	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/trace"
)

// A retry is how a sweep over the creation of the plain device goes on after each
// injection. A device that was refused must be granted when it is asked for again,
// without a failure. That takes longer than the refusal, and the next injection asks
// for the same device anyway, so only the first refusal at each exit, and the last one
// of the sweep, are put to this test at once.
type retry struct {
	c              *guest.C
	sub            subject
	device         device.Device
	create, remove device.Op
	exits          map[trace.Exit]bool // that devices were refused at
	due            bool                // the last one that was refused was not asked for again
}

// afterRefusal is what a retry does.
const afterRefusal = "creation of the same device after the refusal"

func newRetry(c *guest.C, sub subject) *retry {
	d := sub.plain()
	return &retry{c: c, sub: sub, device: d, create: sub.create(c, d), remove: sub.remove(c, d), exits: map[trace.Exit]bool{}}
}

// after is called with the outcome of each creation.
func (r *retry) after(o guest.Outcome) {
	if r.due && o.Refused() && !noMemory(o, r.sub.shortage()...) {
		r.c.Granted(afterRefusal, o) // it is not for what failed now
	}
	r.sub.wantNoMemory(r.c, o)
	if !o.Refused() {
		r.c.Must("deletion", r.remove)
		r.due = false
		return
	}
	r.sub.silent(r.c, o, r.device)
	first := !r.exits[o.Exit()]
	r.exits[o.Exit()], r.due = true, true
	if first || *exhaustive {
		r.finish()
	}
}

// finish asks for the device again if it was refused last.
func (r *retry) finish() {
	if !r.due {
		return
	}
	r.c.Must(afterRefusal, r.create)
	r.c.Must("deletion", r.remove)
	r.due = false
}
