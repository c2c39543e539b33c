package guest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/rtnl"
	"netdev.test/teardown/initramfs/trace"
	"netdev.test/teardown/initramfs/verdict"
)

// An Outcome is what one operation came to.
type Outcome struct {
	Err     error
	Returns []trace.Return // how the calls of register_netdevice() ended
	Notices []rtnl.Notice  // link notifications in the initial namespace
	events  []trace.Event
}

// Refused reports whether the operation failed. That its answer was lost does not
// mean that.
func (o Outcome) Refused() bool { return o.Err != nil && !errors.Is(o.Err, rtnl.ErrNoAck) }

// Errno returns the errno of a refusal, 0 when there is none.
func (o Outcome) Errno() unix.Errno {
	var errno unix.Errno
	errors.As(o.Err, &errno)
	return errno
}

// Exit returns the exit at which the operation was refused: the one by which the
// last registration left or, when that one succeeded, [trace.Late].
func (o Outcome) Exit() trace.Exit {
	switch {
	case len(o.Returns) == 0:
		return trace.Before
	case o.Returns[len(o.Returns)-1].Exit == trace.OK && o.Refused():
		return trace.Late
	}
	return o.Returns[len(o.Returns)-1].Exit
}

// Provide makes what a way to create a device needs. It is no part of an
// operation's outcome.
func (c *C) Provide(needs ...device.Need) {
	c.Unless(c.Env.Provide(needs...))
	c.drain()
	if _, err := self.listener.Notices(); err != nil {
		c.Blind(verdict.Notify, err.Error())
	}
}

// prepare gets op ready. What is registered meanwhile is no part of its outcome.
func (c *C) prepare(op device.Op) {
	c.Unless(device.Prepare(op))
	c.drain()
}

// Do runs op under the deadline and returns what it came to.
func (c *C) Do(op device.Op) Outcome {
	c.prepare(op)
	c.watch.begin()
	err := op.Result(op.Do())
	c.watch.finish()
	o, heard := c.outcome(err)
	if heard != nil {
		c.Blind(verdict.Notify, heard.Error())
	}
	return o
}

// Must runs op, which the case needs and expects to succeed.
func (c *C) Must(what string, op device.Op) Outcome {
	o := c.Do(op)
	c.Granted(what, o)
	return o
}

// Granted ends the case with a finding when an operation was refused that it needs and
// expects to succeed.
func (c *C) Granted(what string, o Outcome) {
	if o.Refused() {
		c.Find(verdict.Errno, fmt.Sprintf("%s: refused with %s", what, errorName(o.Err)), o.Err.Error())
		c.stop()
	}
}

// outcome collects what is known of an operation. heard is not nil if
// notifications were lost.
func (c *C) outcome(err error) (o Outcome, heard error) {
	o.Err = err
	o.events = c.drain()
	o.Returns = trace.Exits(o.events)
	o.Notices, heard = self.listener.Notices()
	c.checkInit(o)
	c.reached(o)
	return o, heard
}

// checkInit makes sure that the probe on the kind's ndo_init works, which it does
// not do by itself after the driver was unloaded and loaded again. Without it a
// refusal for want of memory would be taken for another exit.
func (c *C) checkInit(o Outcome) {
	k, known := device.ByName(c.spec.Kind)
	if !known || self.initOf(k) == "" || k.Eager || len(o.Returns) == 0 {
		return
	}
	if last := o.Returns[len(o.Returns)-1]; last.PastInit() && !last.Init {
		c.Blind(verdict.Trigger, fmt.Sprintf("%s was not seen in the trace: no exit can be proven", self.initOf(k)))
	}
}

// reached counts the exits that were left by.
func (c *C) reached(o Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stuck {
		return
	}
	if c.result.Reached == nil {
		c.result.Reached = map[string]int{}
	}
	for _, r := range o.Returns {
		if r.Exit != trace.OK {
			c.result.Reached[string(r.Exit)]++
		}
	}
	registers := c.spec.Exit != "" // else what was refused is no registration
	if exit := o.Exit(); registers && o.Refused() && (exit == trace.Before || exit == trace.Late) {
		c.result.Reached[string(exit)]++
	}
}

// CheckSilent is the notification oracle for a refused RTM_NEWLINK: it must not
// have told anybody of the device that was asked for, own. A peer that was
// registered before it may come, and then must go; so may own when only a later
// step was refused.
func (c *C) CheckSilent(o Outcome, own string, peers ...string) {
	last := map[string]rtnl.Notice{}
	for _, n := range o.Notices {
		if n.Name == own && o.Exit() != trace.Late {
			c.Find(verdict.Notify, fmt.Sprintf("a refused request emitted %s", noticeType(n)), notices(o))
		}
		last[n.Name] = n
	}
	for _, name := range append(peers, own) {
		if n, told := last[name]; told && !n.Gone {
			c.Find(verdict.Notify, "RTM_NEWLINK without RTM_DELLINK for a device that was refused", notices(o))
		}
	}
}

// CheckTold checks that each of names was announced (or, with gone, taken back).
func (c *C) CheckTold(o Outcome, gone bool, names ...string) {
	for _, name := range names {
		if !o.Told(gone, name) {
			c.Find(verdict.Notify, untold(gone), notices(o))
		}
	}
}

// Told reports whether the device of that name was announced (or, with gone, taken
// back).
func (o Outcome) Told(gone bool, name string) bool {
	return slices.ContainsFunc(o.Notices, func(n rtnl.Notice) bool { return n.Name == name && n.Gone == gone })
}

// Missing is a finding of the notification oracle: a device was not announced, or
// not taken back.
func (c *C) Missing(gone bool) { c.Find(verdict.Notify, untold(gone), "") }

func untold(gone bool) string {
	return fmt.Sprintf("no %s for a device that was there", noticeType(rtnl.Notice{Gone: gone}))
}

func noticeType(n rtnl.Notice) string {
	verb, _, _ := strings.Cut(n.String(), " ")
	return verb
}

func notices(o Outcome) string {
	var lines []string
	for _, n := range o.Notices {
		lines = append(lines, n.String())
	}
	return strings.Join(lines, "\n")
}

// errorName is an error in words that do not change from run to run: the
// errno's name where there is one.
func errorName(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// WantExit checks that the operation was refused at exit. Being refused
// elsewhere proves nothing about it.
func (c *C) WantExit(o Outcome, exit trace.Exit) {
	if !o.Refused() {
		c.Find(verdict.Errno, "a request that must be refused succeeded", "")
	} else if o.Exit() != exit {
		c.Blind(verdict.Trigger, fmt.Sprintf("the request was refused at %s, not at %s", o.Exit(), exit))
	}
}

// WaitGone waits for the notification that the device is gone, which a worker
// gives when it tears a namespace down.
func (c *C) WaitGone(name string) {
	c.watch.begin()
	defer c.watch.finish()
	for {
		gone, err := self.listener.AwaitGone(name)
		c.Unless(err)
		if gone {
			return
		}
	}
}
