package life

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/initramfs/trace"
)

func find(t *testing.T, probes []trace.Probe, event string) trace.Probe {
	t.Helper()
	i := slices.IndexFunc(probes, func(p trace.Probe) bool { return p.Event == event })
	if i < 0 {
		t.Fatalf("no probe %s", event)
	}
	return probes[i]
}

func TestProbes(t *testing.T) {
	counted := map[string]kmod.Field{fieldRefs: {Offset: 1288, Size: 4}}
	for name, f := range layout {
		counted[name] = f
	}
	old := Kernel{Release: "5.10.262-teardown", Layout: layout, Kinds: kinds}
	recent := Kernel{Release: "6.12.117", Layout: counted, Core: Range{0x1000, 0x2000}, Kinds: kinds}
	bare := Kernel{Release: "6.12.117"}
	for _, tt := range []struct {
		kernel Kernel
		event  string
		want   trace.Probe
	}{
		{recent, eventNotify, trace.Probe{Symbol: "call_netdevice_notifiers_info", Args: `val=$arg1:u64 dev=+0($arg2):x64 state=+1312(+0($arg2)):u8 pre=\18:u8`}},
		{old, eventNotify, trace.Probe{Symbol: "call_netdevice_notifiers_info", Args: `val=$arg1:u64 dev=+0($arg2):x64 state=+1312(+0($arg2)):u8`}},
		{bare, eventNotify, trace.Probe{Symbol: "call_netdevice_notifiers_info", Args: `val=$arg1:u64 dev=+0($arg2):x64 pre=\18:u8`}},
		{recent, eventAlloc, trace.Probe{Symbol: "alloc_netdev_mqs", Return: true, Args: "dev=$retval:x64", Stack: true}},
		{old, eventAlloc, trace.Probe{Symbol: "alloc_netdev_mqs", Return: true, Args: "dev=$retval:x64"}},
		{old, eventAllocEnter, trace.Probe{Symbol: "alloc_netdev_mqs", Stack: true}},
		{recent, eventFree, trace.Probe{Symbol: "free_netdev", Args: `dev=$arg1:x64 state=+1312($arg1):u8 needs=+1316($arg1):u8 caller=$stack0:x64 core=\0x1000:x64 end=\0x2000:x64`}},
		{bare, eventFree, trace.Probe{Symbol: "free_netdev", Args: "dev=$arg1:x64 caller=$stack0:x64"}},
		{recent, eventRelease, trace.Probe{Symbol: "netdev_release", Args: `dev=$arg1:x64 off=\1344:u32 state=-32($arg1):u8`}},
		{bare, eventRelease, trace.Probe{Symbol: "netdev_release", Args: "dev=$arg1:x64"}},
		{recent, eventFlushUC, trace.Probe{Symbol: "dev_uc_flush", Args: "dev=$arg1:x64 state=+1312($arg1):u8", Filter: "state==2"}},
		{bare, eventFlushUC, trace.Probe{Symbol: "dev_uc_flush", Args: "dev=$arg1:x64"}},
		{recent, eventDestructor + "veth", trace.Probe{Symbol: "veth_dev_free", Args: "dev=$arg1:x64 state=+1312($arg1):u8 refs=+1288($arg1):s32"}},
		{old, eventRefcntRet, trace.Probe{Symbol: "netdev_refcnt_read", Return: true, Args: `ret=$retval:s32 last=\0:s32`}},
		{bare, eventRefcntRet, trace.Probe{Symbol: "netdev_refcnt_read", Return: true, Args: `ret=$retval:s32 last=\1:s32`}},
	} {
		tt.want.Event = tt.event
		if diff := cmp.Diff(tt.want, find(t, tt.kernel.Probes(), tt.event)); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", tt.event, tt.kernel.Release, diff)
		}
	}
}

// TestProbesOnce sees that no event is set twice, and that none of
// [trace.Registration] is forgotten.
func TestProbesOnce(t *testing.T) {
	probes := Kernel{Release: "6.12", Layout: layout, Kinds: kinds}.Probes()
	seen := map[string]bool{}
	for _, p := range probes {
		if seen[p.Event] {
			t.Errorf("%s twice", p.Event)
		}
		seen[p.Event] = true
	}
	for _, p := range trace.Registration {
		if got := find(t, probes, p.Event); !strings.HasPrefix(got.Args, p.Args) || got.Symbol != p.Symbol || got.Return != p.Return {
			t.Errorf("%s is %+v, which does not hold %+v", p.Event, got, p)
		}
	}
	for _, event := range []string{eventRegister, eventRegisterRet, eventNotify, eventNotifyRet, eventKobjectRet, trace.InitEvent("bond")} {
		if !seen[event] {
			t.Errorf("no %s: Record goes by its name", event)
		}
	}
}

func TestCore(t *testing.T) {
	const before = "ffffffff81000000 T free_netdev\nffffffff81000100 T netdev_run_todo\n"
	for _, tt := range []struct {
		name, text string
		want       Range
		fails      bool
	}{
		{"there", before + "ffffffff81000100 t alias\nffffffff81000400 T next\nffffffff81000500 T more\n", Range{0xffffffff81000100, 0xffffffff81000400}, false},
		{"absent", "ffffffff81000000 T free_netdev\n", Range{}, false},
		{"last", before, Range{}, false},
		{"garbage", before + "x t y\n", Range{}, true},
	} {
		got, err := Core(strings.NewReader(tt.text))
		if got != tt.want || (err != nil) != tt.fails {
			t.Errorf("%s: Core() = %x, %v, want %x", tt.name, got, err, tt.want)
		}
	}
}

func TestAbsent(t *testing.T) {
	has := func(without ...string) func(string) bool {
		return func(event string) bool { return !slices.Contains(without, event) }
	}
	whole := Kernel{Release: "6.12", Layout: layout, Core: Range{1, 2}, Kinds: kinds}
	none := map[string]bool{"uninit_veth": true, "uninit_loopback": true, "destructor_dummy": true}
	for _, tt := range []struct {
		name   string
		kernel Kernel
		has    func(string) bool
		want   []string
	}{
		{"all", whole, has(), nil},
		{"newer", whole, has(eventWait), nil},
		{"older", Kernel{Release: "5.10", Layout: layout, Core: Range{1, 2}, Kinds: kinds}, has(eventWait + syncSuffix), []string{"wait_sync", "notify.pre"}},
		{"inlined", whole, has(eventList, eventWait, eventWait+syncSuffix), []string{"list", "wait", "wait_sync"}},
		{"no counter", whole, has(eventRefcntRet), []string{"refcnt_ret", "destructor.refs"}},
		{"no layout", Kernel{Release: "6.12", Kinds: kinds}, has(), []string{"notify.state", "wait.needs", "free.state", "free.needs", "free.core", "release.off"}},
	} {
		want := map[string]bool{}
		for _, name := range tt.want {
			want[name] = true
		}
		for name := range none {
			want[name] = true
		}
		if diff := cmp.Diff(want, tt.kernel.Absent(tt.has)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := Skipped(none); len(got) > 0 {
		t.Errorf("Skipped() of what drivers do not have: %q", got)
	}
	if got := fmt.Sprint(Skipped(map[string]bool{eventList: true})); strings.Count(got, "cannot see list") != 3 {
		t.Errorf("Skipped() without list_netdevice: %s", got)
	}
}
