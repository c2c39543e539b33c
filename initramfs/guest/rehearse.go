package guest

import (
	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/verdict"
)

// A Rehearsal is one run of an operation in which nothing was made to fail, and
// everything that could be was recorded.
type Rehearsal struct {
	Outcome
	Sites []string // the call stack of each allocation, in the order in which fail-nth counts them
}

// Rehearse runs op and records which allocations fail-nth would count.
func (c *C) Rehearse(nth *fault.Nth, op device.Op) Rehearsal {
	asked := fault.AskedProbe(self.symbols)
	c.prepare(op)
	c.Unless(self.tracer.On(asked, true))
	c.Unless(nth.Count())
	c.watch.begin()
	err := op.Do()
	_, failed := nth.Disarm()
	err = op.Result(err)
	c.watch.finish()
	c.Unless(self.tracer.On(asked, false))
	c.Unless(failed)
	o, heard := c.outcome(err)
	if heard != nil {
		c.Blind(verdict.Notify, heard.Error())
	}
	return Rehearsal{Outcome: o, Sites: fault.Asked(o.events, gettid())}
}

// Skipped counts injections that were not made, because others with the same call
// stack were, or because each takes seconds.
func (c *C) Skipped(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stuck {
		c.result.Skipped += n
	}
}

// RefusedSite names the call stack of the allocation that an injection refused,
// as [Rehearsal] does.
func (o Outcome) RefusedSite() string { return fault.RefusedSite(o.events) }

// Traces reports whether rehearsals can be recorded.
func (c *C) Traces() bool { return self.tracer != nil && self.tracer.Has(fault.EventAsked) }
