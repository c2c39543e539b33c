package verdict

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const shippedIssues = "../../tests/known-issues.toml"

// issueText returns an issue with its lines replaced or, when empty, removed.
func issueText(replace map[string]string) string {
	keys := []string{"id", "title", "oracle", "signature", "detail", "kinds", "kernels", "reason", "evidence"}
	lines := map[string]string{
		"id": `id = "leak"`, "title": `title = "it leaks"`, "oracle": `oracle = "kmemleak"`,
		"signature": `signature = '^leak in fdb_create$'`, "detail": `detail = 'br_device_event'`,
		"kinds": `kinds = ["bridge"]`, "kernels": `kernels = ">=6.12 <7.4"`,
		"reason": `reason = "r"`, "evidence": `evidence = "e"`,
	}
	out := "[[issue]]\n"
	for _, k := range keys {
		if l, ok := replace[k]; ok {
			out += l + "\n"
		} else {
			out += lines[k] + "\n"
		}
	}
	return out + replace["extra"]
}

func TestLoadKnownErrors(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"syntax", "[[issue]\n", "line 2"},
		{"unknown key", issueText(nil) + issueText(map[string]string{"id": `id = "b"`, "extra": "kernel = 1\n"}), "line 21"},
		{"unknown table", issueText(nil) + "[other]\nx = 1\n", "line 11"},
		{"unknown nested key", issueText(map[string]string{"extra": "who.name = 1\n"}), "no such key"},
		{"wrong type", issueText(map[string]string{"kinds": "kinds = 3"}), "line 7"},
		{"wrong element", issueText(map[string]string{"kinds": `kinds = ["a", 3]`}), "line 7"},
		{"no id", issueText(map[string]string{"id": ""}), `issue 1 "": id is missing`},
		{"no reason", issueText(map[string]string{"reason": `reason = " "`}), "reason is missing"},
		{"no evidence", issueText(map[string]string{"evidence": ""}), "evidence is missing"},
		{"no kinds", issueText(map[string]string{"kinds": "kinds = []"}), "kinds is missing"},
		{"no oracle", issueText(map[string]string{"oracle": `oracle = "magic"`}), `oracle "magic"`},
		{"oracle trigger", issueText(map[string]string{"oracle": `oracle = "trigger"`}), `oracle "trigger"`},
		{"any and more", issueText(map[string]string{"kinds": `kinds = ["*", "bond"]`}), "stands alone"},
		{"bad signature", issueText(map[string]string{"signature": `signature = '('`}), "signature: error parsing regexp"},
		{"signature of anything", issueText(map[string]string{"signature": `signature = '.*'`}), "matches everything"},
		{"bad detail", issueText(map[string]string{"detail": `detail = '('`}), "detail: error parsing regexp"},
		{"bad range", issueText(map[string]string{"kernels": `kernels = [">=6.12", "seven"]`}), `kernels: "seven"`},
		{"same id", issueText(nil) + issueText(nil), `issue 2 "leak": its id is taken`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := LoadKnown([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("LoadKnown = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	issues := load(t, issueText(nil))
	leak := Finding{Oracle: Kmemleak, Title: "leak in fdb_create", Detail: "fdb_create\nbr_device_event\n"}
	tests := []struct {
		name    string
		release string
		kind    string
		change  func(*Finding)
		want    string
	}{
		{"it is the issue", "6.12.117", "bridge", func(*Finding) {}, "leak"},
		{"an older kernel", "5.10.262", "bridge", func(*Finding) {}, ""},
		{"another kind", "6.12.117", "bond", func(*Finding) {}, ""},
		{"another oracle", "6.12.117", "bridge", func(f *Finding) { f.Oracle = Log }, ""},
		{"another title", "6.12.117", "bridge", func(f *Finding) { f.Title += "2" }, ""},
		{"another backtrace", "6.12.117", "bridge", func(f *Finding) { f.Detail = "fdb_create\n" }, ""},
		{"a stale explanation", "5.10.262", "bridge", func(f *Finding) { f.Known = "leak" }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := leak
			tt.change(&f)
			c := Case{Kind: tt.kind, Exit: "E9", Evidence: []Finding{f}}
			issues.Explain(tt.release, &c)
			if got := c.Evidence[0].Known; got != tt.want {
				t.Errorf("Known = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestExplainExits(t *testing.T) {
	issues := load(t, issueText(map[string]string{"kinds": `kinds = "*"`, "extra": "exits = [\"E9\", \"late\"]\n"}))
	for exit, want := range map[string]string{"E9": "leak", "late": "leak", "E8": ""} {
		c := Case{Kind: "any", Exit: exit, Evidence: []Finding{{Oracle: Kmemleak, Title: "leak in fdb_create", Detail: "br_device_event"}}}
		issues.Explain("6.12.117", &c)
		if got := c.Evidence[0].Known; got != want {
			t.Errorf("at %s Known = %q, want %q", exit, got, want)
		}
	}
}

func TestAlone(t *testing.T) {
	issues := load(t, issueText(map[string]string{
		"oracle": "oracle = \"guest\"", "extra": "exits = [\"E8\"]\ntriggers = [\"name\"]\n"}))
	tests := []struct {
		release string
		c       Case
		want    bool
	}{
		{"6.12.117", Case{Kind: "bridge", Exit: "E8", Trigger: "name"}, true},
		{"6.12.117", Case{Kind: "bridge", Exit: "E8", Trigger: "module"}, false},
		{"6.12.117", Case{Kind: "bridge", Exit: "E9", Trigger: "name"}, false},
		{"6.12.117", Case{Kind: "bond", Exit: "E8", Trigger: "name"}, false},
		{"5.10.262", Case{Kind: "bridge", Exit: "E8", Trigger: "name"}, false},
	}
	for _, tt := range tests {
		if got := issues.Alone(tt.release, &tt.c); got != tt.want {
			t.Errorf("on %s, %+v is alone: %v, want %v", tt.release, tt.c, got, tt.want)
		}
	}
	named := load(t, issueText(map[string]string{"oracle": "oracle = \"guest\"", "extra": "cases = '/bridge,ioctl'\n"}))
	for name, want := range map[string]bool{"TestA/bridge,ioctl/E8": true, "TestA/bridge/E8": false} {
		if got := named.Alone("6.12.117", &Case{Name: name, Kind: "bridge"}); got != want {
			t.Errorf("%s is alone: %v, want %v", name, got, want)
		}
	}
	if leaks := load(t, issueText(nil)); leaks.Alone("6.12.117", &Case{Kind: "bridge"}) {
		t.Error("a leak is alone")
	}
	if spoils := load(t, issueText(map[string]string{"extra": "spoils = true\n"})); !spoils.Alone("6.12.117", &Case{Kind: "bridge"}) {
		t.Error("what spoils its guest is not alone")
	}
}

// TestExplainHidesNothing mixes a known leak with another one in one case.
func TestExplainHidesNothing(t *testing.T) {
	issues := load(t, issueText(nil))
	c := Case{Kind: "bridge", Evidence: []Finding{
		{Oracle: Kmemleak, Title: "leak in fdb_create", Detail: "br_device_event"},
		{Oracle: Kmemleak, Title: "leak in br_vlan_init", Detail: "br_dev_init"},
	}}
	issues.Explain("6.12.117", &c)
	Decide(&c)
	if c.Verdict != Fail || c.Reason != "leak in br_vlan_init" {
		t.Errorf("verdict %s, reason %q, want fail for br_vlan_init", c.Verdict, c.Reason)
	}
}

func TestFixed(t *testing.T) {
	issues := load(t, issueText(map[string]string{
		"kinds": `kinds = ["bridge", "bond"]`, "extra": "exits = [\"E8\", \"E9\"]\ntriggers = [\"fail-nth\"]\n"}))
	ran := func(kind, exit, trigger string, v Verdict, f ...Finding) Case {
		return Case{Kind: kind, Exit: exit, Trigger: trigger, Verdict: v, Evidence: f}
	}
	whole := []Case{ran("bridge", "E8", "fail-nth", Pass), ran("bond", "E9", "name default", Fail, Finding{Oracle: Log})}
	with := func(c Case) []Case { return append(append([]Case(nil), whole...), c) }
	tests := []struct {
		name    string
		cases   []Case
		release string
		want    bool
	}{
		{"ran and did not occur", whole, "6.12.117", true},
		{"a kernel out of range", whole, "7.4.0", false},
		{"nothing ran", nil, "6.12.117", false},
		{"one kind did not run", whole[:1], "6.12.117", false},
		{"it occurred", with(ran("bridge", "E9", "fail-nth", Known, Finding{Oracle: Kmemleak, Known: "leak"})), "6.12.117", false},
		{"a case was blind", with(ran("bridge", "E9", "fail-nth", Unknown)), "6.12.117", false},
		{"a guest died before its scan", with(ran("bridge", "E9", "fail-nth", Fail, Finding{Oracle: Guest})), "6.12.117", false},
		{"a skip proves nothing", []Case{ran("bridge", "E8", "fail-nth", Pass), ran("bond", "E9", "fail-nth", Skip)}, "6.12.117", false},
		{"its trigger did not run", []Case{ran("bridge", "E8", "name", Pass), ran("bond", "E9", "name", Pass)}, "6.12.117", false},
		{"another exit only", []Case{ran("bridge", "E2", "fail-nth", Pass), ran("bond", "E2", "fail-nth", Pass)}, "6.12.117", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := len(issues.Fixed(tt.cases, tt.release)) == 1; got != tt.want {
				t.Errorf("reported as fixed = %v, want %v", got, tt.want)
			}
		})
	}
}

// TestShippedIssues feeds the list of the suite the backtraces that its
// evidence names.
func TestShippedIssues(t *testing.T) {
	data, err := os.ReadFile(shippedIssues)
	if err != nil {
		t.Fatal(err)
	}
	issues := load(t, string(data))
	bridge := strings.Join([]string{"kmem_cache_alloc_noprof", "fdb_create", "br_fdb_change_mac_address",
		"br_device_event", "notifier_call_chain", "register_netdevice"}, "\n")
	slab := strings.Join([]string{"__kmalloc_node_track_caller_noprof", "kvasprintf", "kobject_set_name_vargs",
		"kobject_init_and_add", "sysfs_slab_add", "__kmem_cache_create_args", "wg_ratelimiter_init"}, "\n")
	got := map[string]string{}
	for _, release := range []string{"5.10.262", "6.12.117-teardown", "7.3.4"} {
		for _, c := range []Case{
			{Kind: "bridge", Evidence: []Finding{{Oracle: Kmemleak, Title: "leak in fdb_create", Detail: bridge}}},
			{Kind: "wireguard", Evidence: []Finding{{Oracle: Kmemleak, Title: "leak in kobject_set_name_vargs", Detail: slab}}},
		} {
			issues.Explain(release, &c)
			got[c.Kind+" on "+release] = c.Evidence[0].Known
		}
	}
	want := map[string]string{
		"bridge on 5.10.262": "", "wireguard on 5.10.262": "",
		"bridge on 6.12.117-teardown": "bridge-fdb-local", "wireguard on 6.12.117-teardown": "slab-sysfs-kobject-name",
		"bridge on 7.3.4": "bridge-fdb-local", "wireguard on 7.3.4": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("explained (-want +got):\n%s", diff)
	}
}

func FuzzLoadKnown(f *testing.F) {
	seeds, err := filepath.Glob(shippedIssues)
	if err != nil || len(seeds) != 1 {
		f.Fatalf("no seed: %v", err)
	}
	data, err := os.ReadFile(seeds[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, s := range []string{"", issueText(nil), issueText(map[string]string{"extra": "a.b.c = 1\n"}),
		"[[issue]]\n\"a,b\" = 1\n", "issue = 3\n", "[issue]\nx = 1\n", "[\"\"]\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		issues, err := LoadKnown(data)
		if err != nil {
			return
		}
		c := Case{Kind: "bridge", Exit: "E9", Evidence: []Finding{{Oracle: Kmemleak}}}
		issues.Explain("6.12.117", &c)
		if c.Evidence[0].Known != "" {
			t.Errorf("issue %q explains a finding that says nothing", c.Evidence[0].Known)
		}
		Decide(&c)
		if c.Verdict != Fail {
			t.Errorf("verdict %s, want fail", c.Verdict)
		}
	})
}

func load(t *testing.T, text string) Issues {
	t.Helper()
	issues, err := LoadKnown([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return issues
}
