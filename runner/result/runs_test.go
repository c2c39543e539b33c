package result

import (
	"fmt"
	"strings"
	"time"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// bridgeIssue is the known issue of the test runs.
const bridgeIssue = `
[[issue]]
id = "bridge-fdb-local"
title = "a bridge that is refused after its own NETDEV_REGISTER handling leaks its local fdb entry"
oracle = "kmemleak"
signature = 'fdb_create'
kinds = ["bridge"]
kernels = [">=6.12 <7.4"]
reason = """
br_dev_uninit() destroys the hash table but not its entries; only br_dev_delete() deletes those, and a
refused registration does not come by there.
"""
evidence = "seen on 6.12.117"
link = "https://example.org/bridge"
`

const fdbTrace = `unreferenced object 0xffff888003a1c000 (size 128):
  comm "t17", pid 61, jiffies 4294893220
  backtrace (crc 5b1d7c2a):
    kmem_cache_alloc_noprof+0x1a2/0x2d0
    fdb_create+0x3c/0x2a0
    br_fdb_change_mac_address+0x8e/0x120
    br_device_event+0x5d/0x2f0
    register_netdevice+0x4b1/0x6a0`

// at returns a case that passed.
func at(kind, exit, trigger string) verdict.Case {
	return verdict.Case{
		Name: "TestRegisterFailure/" + kind + "/" + exit + "/" + strings.ReplaceAll(strings.TrimPrefix(trigger, "name "), " ", "_"),
		Kind: kind, Exit: exit, Trigger: trigger, Verdict: verdict.Pass, Seconds: 0.125,
		Injections: 1, Refused: 1, Reached: map[string]int{exit: 1}, Boot: 1,
	}
}

// with returns c with findings, decided.
func with(c verdict.Case, findings ...verdict.Finding) verdict.Case {
	c.Evidence = findings
	verdict.Decide(&c)
	return c
}

// blind returns c with an oracle that could not see.
func blind(c verdict.Case, f verdict.Finding) verdict.Case {
	c.Blind = []verdict.Finding{f}
	verdict.Decide(&c)
	return c
}

// skipped returns c skipped.
func skipped(c verdict.Case, why string) verdict.Case {
	c.Verdict, c.Reason, c.Injections, c.Refused, c.Reached = verdict.Skip, why, 0, 0, nil
	return c
}

// runOf returns a run of the cases on 6.12.
func runOf(cases ...verdict.Case) *Run {
	return &Run{
		SchemaVersion: SchemaVersion,
		Tool:          Tool{Version: "v0.1.0"},
		Command:       "go test ./tests",
		Started:       time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Seconds:       38.2,
		Host: Host{CPUs: 2, Accelerator: "tcg", AcceleratorReason: "/dev/kvm is there, but a guest does not boot with it",
			QEMU: "7.2.22", Go: "go1.26.8"},
		Kernel: Kernel{Line: "6.12", Release: "6.12.117-teardown", Source: "Debian linux-source-6.12 6.12.117-1",
			Profile: "leak", ConfigHash: strings.Repeat("3f2a9c71", 8)},
		Wanted: len(cases),
		Cases:  cases,
		Boots: []Boot{{Number: 1, Release: "6.12.117-teardown", Ended: "exit", Seconds: 31,
			Controls: []wire.ControlOutcome{
				{Oracle: verdict.Kmemleak, Saw: true, Detail: "planted leak in kmemleak_test_init"},
				{Oracle: verdict.Log, Saw: true},
				{Oracle: verdict.Account, Absent: true, Detail: "the kernel has no /proc/allocinfo"},
			}}},
		Phases: []Phase{{"host compile", 2.1}, {"kernel", 0.3}, {"image", 1.4}, {"power-on to init", 1.8},
			{"cases", 21.5}, {"leak wait", 6}, {"scan", 0.4}, {"power-off", 0.6}},
	}
}

// runs returns runs of every sort, by the name of their golden files.
func runs() map[string]*Run {
	all := map[string]*Run{
		"pass":       passRun(),
		"fail":       failRun(),
		"known":      knownRun(),
		"unknown":    unknownRun(),
		"died":       diedRun(),
		"incomplete": incompleteRun(),
		"skipped":    runOf(skipped(at("wireguard", "E8", "name bonding_masters"), "the kernel lacks CONFIG_WIREGUARD")),
		"empty":      {SchemaVersion: SchemaVersion, Incomplete: "the guest did not say hello within 60 s"},
	}
	issues, err := verdict.LoadKnown([]byte(bridgeIssue))
	if err != nil {
		panic(err)
	}
	for _, r := range all {
		for i := range r.Cases {
			issues.Explain(r.Kernel.Release, &r.Cases[i])
			if r.Cases[i].Verdict != verdict.Skip {
				verdict.Decide(&r.Cases[i])
			}
		}
		r.Account(issues)
	}
	return all
}

// passRun has more exits than 80 columns hold, and is the only one that should
// have met the known issue and did not.
func passRun() *Run {
	var cases []verdict.Case
	for _, kind := range []string{"dummy", "veth", "bond", "bridge"} {
		for _, exit := range []string{"E2", "E3", "E4", "E6", "E7", "E8a", "E8b", "E9", "late", "-"} {
			cases = append(cases, at(kind, exit, "fail-nth"), at(kind, exit, "name x%s"))
		}
	}
	cases = append(cases, skipped(at("netkit", "E8a", "name bonding_masters"), "the kernel lacks CONFIG_NETKIT"),
		skipped(at("netkit", "E9", "name default"), "the kernel lacks CONFIG_NETKIT"))
	return runOf(cases...)
}

func failRun() *Run {
	long := "WARNING: CPU: 0 PID: 61 at net/core/dev.c:11010 unregister_netdevice_many_notify+0x5a/0x6b0\n"
	for i := range 60 {
		long += fmt.Sprintf(" frame_%d+0x10/0x20\n", i)
	}
	sweep := at("bridge", "E9", "fail-nth")
	sweep.Injections, sweep.Refused, sweep.Reached = 391, 112, map[string]int{"E4": 20, "E8": 61, "E9": 31}
	for n := 1; n <= 40; n++ {
		site := verdict.Site{Alloc: "kobject_set_name_vargs < dev_set_name < netdev_register_kobject", Exit: "E8", Refused: true}
		switch {
		case n < 5:
			site = verdict.Site{Alloc: "__alloc_skb < netlink_ack"}
		case n >= 17 && n < 25:
			site = verdict.Site{Alloc: "br_vlan_add < br_vlan_init < br_dev_init", Exit: "E4", Refused: true}
		case n >= 25:
			site = verdict.Site{Alloc: "fdb_create < br_fdb_change_mac_address < br_device_event", Exit: "E9", Refused: true}
		}
		sweep.AddSite(n, site)
	}
	var found []verdict.Finding
	for i := range 12 {
		found = append(found, verdict.Finding{Oracle: verdict.Kmemleak, Title: "leak in br_vlan_init",
			Detail: strings.ReplaceAll(fdbTrace, "fdb_create", "br_vlan_init"), Injection: 17 + i})
	}
	found = append(found, verdict.Finding{Oracle: verdict.Kmemleak, Title: "leak in fdb_create", Detail: fdbTrace, Injection: 30})
	return runOf(at("bond", "E2", "name x%s"),
		with(sweep, found...),
		with(at("bond", "E8", "name bonding_masters"), verdict.Finding{Oracle: verdict.Log,
			Title: "WARNING in unregister_netdevice_many_notify", Detail: long}),
		with(at("veth", "E9", "name default"), verdict.Finding{Oracle: verdict.Log,
			Title:  "BUG: \x1b[31m`<script>` | @you #1 www.example.org https://example.org \xff\x00",
			Detail: "a\x1b]0;title\x07b\tc\r\n```\n</details>]]>\x9b2J\u202e\n"}))
}

func knownRun() *Run {
	leak := verdict.Finding{Oracle: verdict.Kmemleak, Title: "leak in fdb_create", Detail: fdbTrace, Injection: 30}
	return runOf(at("bond", "E8", "name bonding_masters"),
		with(at("bridge", "E9", "fail-nth"), leak), with(at("bridge", "late", "fail-nth"), leak))
}

func unknownRun() *Run {
	off := verdict.Finding{Oracle: verdict.Kmemleak, Title: "kmemleak switched itself off",
		Detail: "kmemleak: Cannot allocate a kmemleak_object structure\nkmemleak: Kernel memory leak detector disabled"}
	var cases []verdict.Case
	for _, kind := range []string{"bond", "bridge", "dummy", "ifb", "macvlan", "team", "veth", "vrf"} {
		cases = append(cases, blind(at(kind, "E8", "name bonding_masters"), off))
	}
	r := runOf(cases...)
	r.Boots[0].Controls[0] = wire.ControlOutcome{Oracle: verdict.Kmemleak, Detail: "/sys/kernel/debug/kmemleak: EBUSY"}
	return r
}

func diedRun() *Run {
	r := runOf(at("bond", "E2", "name x%s"),
		with(at("bond", "E8", "name bonding_masters"), verdict.Finding{Oracle: verdict.Guest,
			Title:  "the guest died: Kernel panic - not syncing: Fatal exception",
			Detail: "BUG: unable to handle page fault for address: ffff888003a1c000\nRIP: 0010:bond_uninit+0x21/0x90\nKernel panic - not syncing: Fatal exception"}),
		at("veth", "E8", "name bonding_masters"))
	r.Cases[2].Boot = 2
	r.Boots[0].Ended = "kernel panic"
	r.Boots = append(r.Boots, Boot{Number: 2, Release: r.Kernel.Release, Ended: "exit", Seconds: 9.5})
	return r
}

func incompleteRun() *Run {
	r := runOf(at("bond", "E2", "name x%s"), at("bond", "E8", "name bonding_masters"))
	r.Wanted, r.Incomplete = 47, "interrupted"
	return r
}

// severalRuns are runs on two lines in several profiles: one fails in one of
// them only, one has an oracle that another lacks, one did not come about.
func severalRuns() []*Run {
	on := func(r *Run, line, release, profile string) *Run {
		r.Kernel.Line, r.Kernel.Release, r.Kernel.Profile = line, release, profile
		return r
	}
	uaf := verdict.Finding{Oracle: verdict.Log, Title: "KASAN: slab-use-after-free in bond_uninit", Detail: "BUG: KASAN: slab-use-after-free"}
	e2, e8, e9 := at("bond", "E2", "name x%s"), at("bond", "E8", "name bonding_masters"), at("veth", "E9", "name default")
	san := runOf(e2, with(e8, uaf), e9, with(at("veth", "E8", "name bonding_masters"), uaf))
	san.Boots[0].Controls = []wire.ControlOutcome{
		{Oracle: verdict.Log, Saw: true},
		{Oracle: verdict.Kmemleak, Absent: true, Detail: "the kernel has no kmemleak"},
		{Oracle: verdict.Life, Absent: true, Detail: "the kernel has no module teardown"},
		{Oracle: verdict.Live, Absent: true, Detail: "the kernel has no module teardown"},
		{Oracle: verdict.Account, Absent: true, Detail: "the kernel has no /proc/allocinfo"},
	}
	leak := runOf(e2, e8, e9)
	lock := runOf(e2, e8, blind(e9, verdict.Finding{Oracle: verdict.Log, Title: "lockdep switched itself off"}))
	lock.Boots[0].Controls = append(lock.Boots[0].Controls, wire.ControlOutcome{Oracle: verdict.Live, Detail: "the planted device was not found"})
	return []*Run{
		on(leak, "6.12", "6.12.117-teardown", "leak"), on(san, "6.12", "6.12.117-teardown", "san"),
		on(lock, "6.12", "6.12.117-teardown", "lock"), on(diedRun(), "7.3", "7.3.4-teardown", "leak"),
		{SchemaVersion: SchemaVersion, Kernel: Kernel{Line: "7.3", Profile: "san"}, Incomplete: "the kernel did not build"},
	}
}
