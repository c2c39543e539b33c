package guest

import (
	"errors"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/module"
	"netdev.test/teardown/initramfs/verdict"
)

// A Rehearsal is one run of an operation in which nothing was made to fail, and
// everything that could be was recorded.
type Rehearsal struct {
	Outcome
	Sites   []string // the call stack of each allocation, in the order in which fail-nth counts them
	Counted int      // how many allocations fail-nth counted
}

// Rehearse runs op and records which allocations fail-nth would count.
func (c *C) Rehearse(nth *fault.Nth, op device.Op) Rehearsal {
	c.prepare(op)
	c.watch.begin()
	counted, err := c.count(nth, op)
	c.watch.finish()
	o, heard := c.outcome(err)
	if heard != nil {
		c.Blind(verdict.Notify, heard.Error())
	}
	return Rehearsal{Outcome: o, Sites: fault.Asked(o.events, gettid(), counted), Counted: counted}
}

// count runs op while the trace records each allocation, and returns how many of these
// fail-nth counted: those that come after them are not the operation's.
func (c *C) count(nth *fault.Nth, op device.Op) (counted int, err error) {
	asked := fault.AskedProbe(self.symbols)
	c.Unless(self.tracer.On(asked, true))
	c.Unless(nth.Count())
	err = op.Do()
	counted, failed := nth.Counted()
	err = op.Result(err)
	c.Unless(self.tracer.On(asked, false))
	c.Unless(failed)
	return counted, err
}

// plainest is the kind whose driver allocates nothing between the core's allocations
// (dummy_setup() in drivers/net/dummy.c), and what the device is called.
const (
	plainest     = "dummy"
	plainestName = "tdcore"
)

// Core returns what the core allocates for any device; nothing where no device of the
// plainest kind can be made. The first case of a boot that asks has one created and
// deleted.
func (c *C) Core(nth *fault.Nth) fault.Core {
	self.coreMu.Lock()
	defer self.coreMu.Unlock()
	if self.core == nil {
		self.core = fault.NewCore(c.rehearsePlainest(nth))
	}
	return self.core
}

// rehearsePlainest returns the call stack of each allocation that a device of the
// plainest kind needs to come and go.
func (c *C) rehearsePlainest(nth *fault.Nth) (sites []string) {
	kind, _ := device.ByName(plainest)
	if err := self.load(kind.Module); errors.Is(err, module.ErrAbsent) {
		return nil
	} else {
		c.Unless(err)
	}
	way, d := kind.Ways[0], device.Device{Name: plainestName}
	for _, operation := range []func(*device.Env, device.Device) (device.Op, error){way.New, way.Delete} {
		op, err := operation(&c.Env, d)
		c.Unless(err)
		c.prepare(op)
		counted, err := c.count(nth, op)
		if err != nil { // that is for the cases of this kind to tell
			return nil
		}
		sites = append(sites, fault.Asked(c.drain(), gettid(), counted)...)
	}
	if _, err := self.listener.Notices(); err != nil {
		c.Blind(verdict.Notify, err.Error())
	}
	return sites
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
