//go:build selftest

package tests

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/kmemleak"
	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/initramfs/rtnl"
	"netdev.test/teardown/initramfs/trace"
)

// TestSelf holds cases that must not pass: each makes one oracle speak, one
// detector go blind, or the guest die. They are compiled in only for the test of
// the suite itself, which knows what must become of each.
func TestSelf(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, self := range selfCases {
			s.Case(guest.Spec{Name: self.name, Kind: "dummy", Modules: []string{"dummy"}}, self.provoke)
		}
	})
}

var selfCases = []struct {
	name    string
	provoke func(c *guest.C)
}{
	{"pass", func(c *guest.C) { dummy().live(c, "creation", dummy().plain()) }},
	{"errno", func(c *guest.C) {
		d := dummy().plain()
		wantRefusal(c, c.Do(dummy().create(c, d)), unix.EINVAL)
		c.Must("deletion", dummy().remove(c, d))
	}},
	{"notify", func(c *guest.C) {
		d := dummy().plain()
		o := c.Must("creation", dummy().create(c, d))
		c.CheckTold(o, false, "another")
		c.CheckSilent(o, d.Name)
		c.Must("deletion", dummy().remove(c, d))
	}},
	{"trigger", func(c *guest.C) {
		d := dummy().plain()
		d.Name = "x%s"
		c.WantExit(c.Do(dummy().create(c, d)), trace.Kobject)
	}},
	{"log", func(c *guest.C) { say(c, "unregister_netdevice: waiting for td0 to become free. Usage count = 2\n") }},
	{"known", func(c *guest.C) { say(c, knownWords) }},
	{"known-and-another", func(c *guest.C) {
		say(c, knownWords+"unregister_netdevice: waiting for td0 to become free. Usage count = 2\n")
	}},
	{"leak", func(c *guest.C) {
		c.Injection(7)
		plant(c, kmod.Leak)
	}},
	{"remains", func(c *guest.C) { c.Must("creation", dummy().create(c, dummy().plain())) }},
	{"life", func(c *guest.C) { plant(c, kmod.Twice) }},
	{"live", func(c *guest.C) { plant(c, kmod.Netdev) }},
	{"percpu", func(c *guest.C) { plant(c, kmod.PerCPU) }},
	{"warn-again", func(c *guest.C) {
		// It warns once, and did so before the first case: the positive control.
		log, err := klog.Open()
		c.Unless(err)
		c.Env.OnClose(log.Close)
		_, err = log.Drain()
		c.Unless(errors.Join(err, open(c).Warn(0)))
		for said := ""; !strings.Contains(said, "---[ end trace"); {
			c.Unless(log.Wait(time.Second))
			records, err := log.Drain()
			c.Unless(err)
			said = strings.Join(klog.Lines(records), "\n")
		}
	}},
	{"trace", func(c *guest.C) {
		// More than the buffer holds, between two looks at it.
		request, err := rtnl.Link{Name: "x%s", Kind: "dummy"}.New()
		c.Unless(err)
		const many = 10_000
		for i := range many {
			c.Env.Netlink.Do(request)
			if i%1000 == 0 {
				c.Progress(i, many)
			}
		}
	}},
	{"deadline", func(c *guest.C) { c.Do(sleeping(time.Hour)) }},
	{"held", func(c *guest.C) {
		d := dummy().plain()
		c.Must("creation", dummy().create(c, d))
		c.Unless(open(c).Hold(d.Name))
		c.Must("deletion", dummy().remove(c, d))
	}},
	{"panic", func(c *guest.C) { c.Unless(os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)) }},
	{"hang", func(c *guest.C) { c.Unless(hang()) }},
	{"memory", func(c *guest.C) { exhaust() }},
	{"exit", func(c *guest.C) { os.Exit(3) }},
	{"blind", func(c *guest.C) { c.Unless(os.WriteFile(kmemleak.DebugFS, []byte("off"), 0)) }},
}

// knownWords are explained by an issue that is only known here.
const knownWords = "RTNL: assertion failed at net/core/self.c (1)\n"

func init() {
	knownIssues = append(knownIssues, `
[[issue]]
id = "self"
title = "words of the suite's own test"
oracle = "log"
signature = "RTNL: assertion failed"
kinds = ["dummy"]
kernels = [">=5.10"]
reason = "the suite says them itself"
evidence = "tests/self_test.go"
`...)
}

// open opens our own module.
func open(c *guest.C) *kmod.Module {
	m, err := kmod.Open(guest.Debugfs)
	c.Unless(err)
	c.Env.OnClose(m.Close)
	return m
}

// plant has our own module plant something.
func plant(c *guest.C, p kmod.Plant) { c.Unless(open(c).Plant(p)) }

// say puts lines into the kernel log.
func say(c *guest.C, lines string) {
	for line := range strings.Lines(lines) {
		c.Unless(os.WriteFile("/dev/kmsg", []byte(line), 0))
	}
}

func dummy() subject {
	k, _ := device.ByName("dummy")
	return subject{k, k.Ways[0]}
}

// sleeping is an operation that takes that long.
type sleeping time.Duration

func (s sleeping) Do() error              { time.Sleep(time.Duration(s)); return nil }
func (s sleeping) Result(err error) error { return err }

// hang keeps the only processor busy with what the scheduler may not interrupt.
func hang() error {
	runtime.LockOSThread()
	err := os.WriteFile("/proc/sys/kernel/sched_rt_runtime_us", []byte("-1"), 0)
	err = errors.Join(err, unix.SchedSetAttr(0, &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 99,
	}, 0))
	if err != nil {
		return fmt.Errorf("become uninterruptible: %w", err)
	}
	//lint:ignore SA5002 it is meant to spin
	for {
	}
}

// exhaust takes memory until there is none left.
func exhaust() {
	var all [][]byte
	for {
		page := make([]byte, 1<<20)
		for i := 0; i < len(page); i += 4096 {
			page[i] = 1
		}
		all = append(all, page)
		runtime.KeepAlive(all)
	}
}
