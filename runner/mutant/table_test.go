package mutant

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"netdev.test/teardown/initramfs/verdict"
)

func TestTranslate(t *testing.T) {
	place := Edit{File: verdict.List{"a.c"}, Function: verdict.List{"f"}, Anchor: "x"}
	with := func(change func(e *Edit)) Edit {
		e := place
		change(&e)
		return e
	}
	for _, tt := range []struct {
		words string
		want  []Edit
	}{
		{"delete line", []Edit{with(func(e *Edit) { e.Delete = true })}},
		{"delete both lines", []Edit{with(func(e *Edit) { e.Delete = true })}},
		{"delete the block", []Edit{with(func(e *Edit) { e.Delete = true })}},
		{"remove the whole block", []Edit{with(func(e *Edit) { e.Delete = true })}},
		{"drop the call (the caller frees it)", []Edit{with(func(e *Edit) { e.Delete = true })}},
		{"delete the if with its else", []Edit{with(func(e *Edit) { e.Delete = true })}},
		{"delete `a = b;`", []Edit{with(func(e *Edit) { e.Delete, e.At = true, `\ba = b;` })}},
		{"add after the line: f(x)", []Edit{with(func(e *Edit) { e.After = "f(x);" })}},
		{"replace the line with `return 0`", []Edit{with(func(e *Edit) { e.Statement = "return 0;" })}},
		{"move after register() succeeded", []Edit{with(func(e *Edit) { e.moveAfter, e.checked = "register", true })}},
		{"delete if+call", []Edit{with(func(e *Edit) { e.Delete = true })}},
		{"delete device_del", []Edit{with(func(e *Edit) { e.Delete, e.At = true, `\bdevice_del\(` })}},
		{"delete free_netdev(ndev) in its error branch", []Edit{with(func(e *Edit) { e.Delete, e.At = true, `\bfree_netdev\(ndev\)` })}},
		{"delete the final free_netdev(sl->dev) after rtnl_unlock()", []Edit{with(func(e *Edit) {
			e.Delete, e.At, e.last = true, `\bfree_netdev\(sl->dev\)`, true
		})}},
		{"delete rtnl_lock/unlock pair", []Edit{
			with(func(e *Edit) { e.Delete = true }),
			with(func(e *Edit) { e.Delete, e.At = true, `\brtnl_unlock\w*\(` }),
		}},
		{"insert before: dev_hold(dev);", []Edit{with(func(e *Edit) { e.Before = "dev_hold(dev);" })}},
		{"insert: dev_hold(dev)", []Edit{with(func(e *Edit) { e.After = "dev_hold(dev);" })}},
		{"in its error branch insert: f(x); g(x);", []Edit{with(func(e *Edit) {
			e.At, e.Before = `if \([^\n]*\)\s*\{?\n\s*(\S)`, "f(x); g(x);"
		})}},
		{`"goto err" → "return error"`, []Edit{with(func(e *Edit) { e.At, e.Statement = `\bgoto err`, "return error;" })}},
		{`replace "a < b" by "a <= b"`, []Edit{with(func(e *Edit) { e.At, e.Expression = `\ba < b`, "a <= b" })}},
		{"move above register_netdevice()", []Edit{with(func(e *Edit) { e.moveBefore = "register_netdevice" })}},
		{"move to g() after register_netdevice() succeeded", []Edit{with(func(e *Edit) {
			e.moveTo, e.moveAfter, e.checked = "g", "register_netdevice", true
		})}},
		{"make it worse", nil},
		{"delete everything that looks odd", nil},
	} {
		t.Run(tt.words, func(t *testing.T) {
			got, err := translate(place, tt.words)
			if (err == nil) != (tt.want != nil) {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(Edit{}, numbered{}), cmpopts.IgnoreFields(Edit{}, "kernels", "anchor", "at")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestByLine(t *testing.T) {
	for _, tt := range []struct {
		words string
		want  []part
	}{
		{"delete line", []part{{nil, "delete line"}}},
		{"≤6.12: delete line; 7.x: insert: f();", []part{{verdict.List{"<=6.12"}, "delete line"}, {verdict.List{">=7.0 <8.0"}, "insert: f();"}}},
		{"5.10: delete line; 6.1+: delete call", []part{{verdict.List{"5.10"}, "delete line"}, {verdict.List{">=6.1"}, "delete call"}}},
		{"insert: f(a->b) [5.10: c]; g();", []part{{verdict.List{"5.10"}, "insert: f(c); g();"}, {verdict.List{"<5.10", ">5.10"}, "insert: f(a->b); g();"}}},
		{"9.x: delete line", []part{{verdict.List{">=9.0 <10.0"}, "delete line"}}},
	} {
		if diff := cmp.Diff(tt.want, byLine(tt.words), cmp.AllowUnexported(part{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.words, diff)
		}
	}
}

const tableHead = "id\tcommit\tsubject\tmechanism\tfile\tfunction\tanchor_regex\tedit\ttrigger\tline_5.10\tline_6.12\n"

func TestParseTable(t *testing.T) {
	set, err := ParseTable([]byte(tableHead +
		"A\tabc\ta leak\tit leaks\ta.c|b.c\tf\tx\\(\\);\tdelete line\tcreate a vlan\t-\t4\n" +
		"B\t\t\t\ta.c\tf\tx\\(\\);\trewrite it\t\t3\t4+9\n" +
		"C\t-\t-\t-\ta.c\tf\tx\\(\\);\tdelete line\t\t-\t-\n" +
		"D\t-\t-\t-\ta.c\tf\tx\\(\\);\tmove above y()\t\t3\t3\n"))
	if err != nil {
		t.Fatal(err)
	}
	body := "\ty();\n\tx();\n\tx();\n\tif (z)\n\t\tx();\n"
	schemata, err := set.Apply(tree(body), testRelease)
	if err != nil {
		t.Fatal(err)
	}
	// Line 4 tells which x() A is about; there is none in line 3, where D says it is.
	if diff := cmp.Diff(map[string][]string{"A": {"a.c"}}, schemata.In); diff != "" {
		t.Errorf("in it (-want +got):\n%s", diff)
	}
	refused := map[string]string{}
	for id, err := range schemata.Refused {
		refused[id] = err.Error()
	}
	want := map[string]string{
		"B": `cannot be applied: "rewrite it" is not understood`,
		"D": `cannot be applied: a.c, f(): x\(\); has 3 matches, want one`,
	}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if set[0].Applies("5.10.200") || set[2].Applies(testRelease) {
		t.Error("a mutant applies to a line for which the table has a dash")
	}
	if diff := cmp.Diff([]string{"^Test(RegisterFailure|LifeCycle|LowerRemoved|NamespaceExit)$/^(vlan)(,|$)", "^Test/^(vlan)(,|$)", ""}, set[0].Rounds()); diff != "" {
		t.Errorf("rounds (-want +got):\n%s", diff)
	}
}

func TestRounds(t *testing.T) {
	for _, tt := range []struct{ file, trigger, want string }{
		{"net/core/dev.c", "any kind", "dummy|veth"},
		{"net/core/dev.c", `name "default" on ifb, macsec`, "ifb|macsec"},
		{"drivers/net/macvlan.c", "", "macvlan"},
		{"net/8021q/vlan_netlink.c", "", "vlan"},
		{"net/ipv4/ipmr.c", "fail-nth over unshare", "pimreg|lo"},
		{"net/openvswitch/datapath.c", "", "ovs_internal|ovs_vxlan|ovs_geneve|ovs_gre"},
	} {
		m := Mutant{Edits: []Edit{{File: verdict.List{tt.file}}}, trigger: tt.trigger}
		of := "/^(" + tt.want + ")(,|$)"
		want := []string{"^Test(RegisterFailure|LifeCycle|LowerRemoved|NamespaceExit)$" + of, "^Test" + of, ""}
		if diff := cmp.Diff(want, m.Rounds()); diff != "" {
			t.Errorf("%s, %q (-want +got):\n%s", tt.file, tt.trigger, diff)
		}
	}
}

func TestMove(t *testing.T) {
	source := tree("\tint err;\n\n\t/* first */\n\terr = register(x);\n\tif (err)\n\t\tgoto out;\n\tx->free = done;\nout:\n\treturn err;\n")
	source["c.c"] = source["b.c"]
	for _, tt := range []struct{ words, want string }{
		{"move above register()", "\tint err;\n\n\t/* first */\n\tx->free = done;\n\terr = register(x);\n\tif (err)\n\t\tgoto out;\nout:\n"},
		{"move after register()", "\terr = register(x);\n\tx->free = done;\n\tif (err)\n\t\tgoto out;\nout:\n"},
		{"move to f() after register() succeeded", "\terr = register(x);\n\tif (err)\n\t\tgoto out;\n\tx->free = done;\nout:\n"},
	} {
		set, err := ParseTable([]byte("id\tfile\tfunction\tanchor_regex\tedit\nM\ta.c\tf\tx->free = done;\t" + tt.words + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		src := newSources(source)
		sites, err := set[0].sites(src, testRelease)
		if err != nil {
			t.Fatal(err)
		}
		text := src.texts["a.c"]
		if sites[0].start < sites[1].start {
			sites[0], sites[1] = sites[1], sites[0]
		}
		for _, s := range sites {
			text = s.edit.plain(text, s.span)
		}
		if !strings.Contains(string(text), tt.want) {
			t.Errorf("%s: %q, want %q in it", tt.words, text, tt.want)
		}
	}
}

func TestParseTableErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "line 1: there is no column id"},
		{"a column is missing", "id\tfile\tfunction\tanchor_regex\n", "line 1: there is no column edit"},
		{"header alone", tableHead, "it has no mutants"},
		{"short row", tableHead + "A\tb\n", "line 2: it has 2 columns, and the first line 11"},
		{"bad id", tableHead + "a b\t\t\t\ta.c\tf\tx\tdelete line\t\t\t\n", `line 2: the id "a b" must be letters`},
		{"twice", tableHead + strings.Repeat("A\t\t\t\ta.c\tf\tx\tdelete line\t\t1\t1\n", 2), "the id A is used twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseTable([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte(tableHead + "A\tabc\ta\tb\ta.c\tf\tx\\(\\);\tdelete line\tc\t-\t4\n"))
	f.Add([]byte(tableHead + "A\t\t\t\ta.c\tf\tx\t≤6.12: delete y; 7.x: insert: f(a) [5.10: b];\t\t1+2\t4\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := ParseTable(data)
		if err != nil {
			return
		}
		fuzzApply(t, set)
	})
}

// fuzzApply applies whatever was parsed: an edit may be refused, and never takes a
// line more or less.
func fuzzApply(t *testing.T, set Set) {
	source := tree("\ty();\n\tx();\nout:\n\tx();\n")
	schemata, err := set.Apply(source, testRelease)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range schemata.Files {
		if was, ok := source[name]; ok && name != switchMake && strings.Count(string(text), "\n") != strings.Count(string(was.Data), "\n") {
			t.Errorf("%s has another number of lines: %q", name, text)
		}
	}
	for i := range set {
		set[i].Rounds()
		if _, err := set[i].Diff(source, testRelease); err == nil && schemata.Refused[set[i].ID] != nil && !strings.Contains(schemata.Refused[set[i].ID].Error(), "overlaps") {
			t.Errorf("%s has a diff, and is refused: %v", set[i].ID, schemata.Refused[set[i].ID])
		}
	}
}
