package mutant

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/verdict"
)

const testRelease = "6.12.118-teardown"

// sample returns the mutants and the source in testdata.
func sample(t *testing.T) (Set, *Schemata) {
	t.Helper()
	text, err := os.ReadFile("testdata/mutants.toml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	schemata, err := set.Apply(os.DirFS("testdata/tree"), testRelease)
	if err != nil {
		t.Fatal(err)
	}
	return set, schemata
}

func TestApply(t *testing.T) {
	set, schemata := sample(t)
	if len(schemata.Refused) > 0 || len(schemata.In) != len(set) {
		t.Errorf("refused %v", schemata.Refused)
	}
	golden(t, "testdata/device.c.golden", schemata.Files["net/device.c"])
	golden(t, "testdata/switch.c.golden", schemata.Files[switchFile])
	if want := "obj-y = fork.o\nobj-y += teardown_mutant.o\n"; string(schemata.Files[switchMake]) != want {
		t.Errorf("Makefile %q, want %q", schemata.Files[switchMake], want)
	}
	was, err := os.ReadFile("testdata/tree/net/device.c")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(was, []byte("\n")) != bytes.Count(schemata.Files["net/device.c"], []byte("\n")) {
		t.Error("an edit moved a line")
	}
}

// The program that the sample is does what each mutant says, and with all of them
// off what it did before.
func TestSwitches(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip(err)
	}
	set, schemata := sample(t)
	run := func(text []byte, id string) string {
		t.Helper()
		dir := t.TempDir()
		define := "\nint teardown_mutant = 0;\n"
		if id != "" {
			entry := regexp.MustCompile(`\{ "` + id + `", (\d+) \}`).FindSubmatch(schemata.Files[switchFile])
			if entry == nil {
				t.Fatalf("%s has no switch", id)
			}
			define = "\nint teardown_mutant = " + string(entry[1]) + ";\n"
		}
		file, program := filepath.Join(dir, "device.c"), filepath.Join(dir, "device")
		if err := os.WriteFile(file, append(slices.Clone(text), define...), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(gcc, "-Wall", "-Werror", "-o", program, file).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		out, err := exec.Command(program).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	was, err := os.ReadFile("testdata/tree/net/device.c")
	if err != nil {
		t.Fatal(err)
	}
	stock := run(was, "")
	got := map[string]string{"": run(schemata.Files["net/device.c"], "")}
	for _, m := range set {
		got[m.ID] = run(schemata.Files["net/device.c"], m.ID)
	}
	want := map[string]string{
		"":          stock,
		"leak":      "refused 1 held 1\nmade 0 held 2\ngone held 1 freed 1\n",
		"twice":     "negative\nrefused -1 held -1\nmade 0 held 0\ngone held -1 freed 1\n",
		"early":     "refused 3 held 1\nmade 0 held 2\ngone held 1 freed 1\n",
		"around":    "refused 0 held 1\nmade 0 held 2\ngone held 1 freed 1\n",
		"condition": "negative\nrefused -1 held 0\nmade 0 held 1\ngone held 0 freed 1\n",
		"slow":      "refused 1 held 0\nmade 0 held 1\ngone held 1 freed 0\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A mutant outside of functions is in a source of its own, without a switch. With
// others it is refused.
func TestAlone(t *testing.T) {
	set, err := Parse([]byte(`
[[mutant]]
id = "alone"
commit = "-"
subject = "counts from one"
mechanism = "what was never held is freed"
edit = [{file = "net/device.c", anchor = "held, freed;", replace = "held = 1, freed;"}]
` + entry))
	if err != nil {
		t.Fatal(err)
	}
	tree := os.DirFS("testdata/tree")
	if got := set.Switched(); len(got) != 1 || got[0].ID != "A" {
		t.Errorf("with switches: %v", got)
	}
	both, err := set.Apply(tree, testRelease)
	if err != nil || both.Refused["alone"] == nil || !strings.Contains(both.Refused["alone"].Error(), "a kernel of its own") {
		t.Errorf("together: refused %v (%v)", both.Refused, err)
	}
	one, err := set[:1].Apply(tree, testRelease)
	if err != nil || len(one.Refused) > 0 {
		t.Fatalf("alone: refused %v (%v)", one.Refused, err)
	}
	was, err := os.ReadFile("testdata/tree/net/device.c")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(was), "held, freed;", "held = 1, freed;", 1)
	if diff := cmp.Diff(want, string(one.Files["net/device.c"])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string][]string{"alone": {"net/device.c"}}, one.In); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !bytes.Contains(one.Files[switchFile], []byte(`{ "alone", `)) {
		t.Error("the kernel would not tell that it is on")
	}
}

func TestDiff(t *testing.T) {
	set, _ := sample(t)
	var all []byte
	for _, m := range set {
		text, err := m.Diff(os.DirFS("testdata/tree"), testRelease)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	golden(t, "testdata/diff.golden", all)
	m, _ := set.Find("early")
	if _, err := m.Diff(os.DirFS("testdata/tree"), "5.10.1"); err == nil || err.Error() != "early does not apply to 5.10.1" {
		t.Errorf("error %v", err)
	}
}

// tree is a source with one function.
func tree(body string) fstest.MapFS {
	return fstest.MapFS{
		switchMake: {Data: []byte("obj-y = fork.o\n")},
		"a.c":      {Data: []byte("int f(int x)\n{\n" + body + "}\n")},
		"b.c":      {Data: []byte("int g(void);\n")},
	}
}

func edit(anchor string) Edit {
	return Edit{File: verdict.List{"a.c"}, Function: verdict.List{"f"}, Anchor: anchor, Delete: true}
}

func TestRefused(t *testing.T) {
	at := func(e Edit, at string) Edit { e.At = at; return e }
	in := func(e Edit, file, function string) Edit {
		e.File, e.Function = verdict.List{file}, verdict.List{function}
		return e
	}
	for _, tt := range []struct {
		name, body string
		edits      []Edit
		want       string
	}{
		{"no file", "\tx();\n", []Edit{in(edit(`x\(\);`), "c.c", "f")}, "c.c: no such file"},
		{"no function", "\tx();\n", []Edit{in(edit(`x\(\);`), "a.c", "g")}, "a.c, g(): no such function"},
		{"a declaration", "\tx();\n", []Edit{in(edit(`x\(\);`), "b.c", "g")}, "b.c, g(): no such function"},
		{"no match", "\tx();\n", []Edit{edit(`y\(\);`)}, `a.c, f(): y\(\); has no match`},
		{"two matches", "\tx();\n\tx();\n", []Edit{edit(`x\(\);`)}, `a.c, f(): x\(\); has 2 matches, want one`},
		{"at has no match", "\tx();\n", []Edit{at(edit(`x\(\);`), `y\(`)}, `a.c, f(): y\( has no match after x\(\);`},
		{"half a statement", "\ty = x();\n", []Edit{edit(`x\(\);`)}, `a.c, f(): "x();" does not begin with a statement`},
		{"half a call", "\ty(1, 2);\n", []Edit{edit(`2\);`)}, `a.c, f(): "2);" does not begin with a statement`},
		{"a label inside", "out:\n\tx();\n", []Edit{edit(`out:\n\tx\(\);`)}, "has a label in it"},
		{"overlap of one mutant", "\tx();\n\ty();\n", []Edit{edit(`x\(\);\n\ty\(\);`), edit(`y\(\);`)}, "two of its edits overlap in a.c"},
		{"no edit for the line", "\tx();\n", []Edit{{Kernels: verdict.List{"<6"}, File: verdict.List{"a.c"}, Function: verdict.List{"f"}, Anchor: "x", Delete: true}}, "range"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Mutant{ID: "m", Commit: verdict.List{"-"}, Subject: "-", Mechanism: "-", Edits: tt.edits}
			err := m.compile()
			if err == nil {
				var schemata *Schemata
				if schemata, err = (Set{m}).Apply(tree(tt.body), testRelease); err != nil {
					t.Fatal(err)
				}
				if len(schemata.Files) != 2 {
					t.Errorf("%d files", len(schemata.Files))
				}
				err = schemata.Refused["m"]
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

// A statement is found to its end.
func TestStatements(t *testing.T) {
	for _, tt := range []struct{ body, anchor, want string }{
		{"\tx(a,\n\t  b);\n\ty();\n", `x\(`, "x(a,\n\t  b);"},
		{"\tif (x(\")\")) {\n\t\ty();\n\t}\n\tz();\n", `if \(x`, "if (x(\")\")) {\n\t\ty();\n\t}"},
		{"\tif (x)\n\t\ty();\n\telse\n\t\tz();\n", `if \(x`, "if (x)\n\t\ty();\n\telse\n\t\tz();"},
		{"\tif (x) {\n\t\ty();\n\t} else if (w) {\n\t\tz();\n\t}\n", `if \(x`, "if (x) {\n\t\ty();\n\t} else if (w) {\n\t\tz();\n\t}"},
		{"\tdo {\n\t\ty();\n\t} while (x);\n", `do \{`, "do {\n\t\ty();\n\t} while (x);"},
		{"\tfor (;;) /* ; */\n\t\ty();\n", `for`, "for (;;) /* ; */\n\t\ty();"},
		{"out:\n\tx();\n", `out:\n`, "out:"},
		{"#ifdef X\n\tx();\n#endif\n", `x\(\);`, "x();"},
	} {
		text := []byte("int f(int x)\n{\n" + tt.body + "}\n")
		body := functions(text, "f")[0]
		at := regexp.MustCompile(tt.anchor).FindIndex(text[body.start:])
		s, err := statements(text, body, trim(text, span{body.start + at[0], body.start + at[1]}))
		if err != nil || string(text[s.start:s.end]) != tt.want {
			t.Errorf("%q: %q (%v), want %q", tt.body, text[s.start:s.end], err, tt.want)
		}
	}
}

// Two mutants may edit the same place or one inside the other, but not halfway.
func TestOverlap(t *testing.T) {
	body := "\tx();\n\ty();\n\tz();\n"
	whole := func(id, anchor string) Mutant {
		m := Mutant{ID: id, Commit: verdict.List{"-"}, Subject: "-", Mechanism: "-", Edits: []Edit{edit(anchor)}}
		if err := m.compile(); err != nil {
			t.Fatal(err)
		}
		return m
	}
	set := Set{
		whole("A", `y\(\);`), whole("B", `y\(\);`), whole("C", `x\(\);\n\ty\(\);\n\tz\(\);`),
		whole("D", `x\(\);\n\ty\(\);`), whole("E", `y\(\);\n\tz\(\);`),
	}
	schemata, err := set.Apply(tree(body), testRelease)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A", "B", "C", "D"}, slices.Sorted(maps.Keys(schemata.In))); diff != "" {
		t.Errorf("in it (-want +got):\n%s", diff)
	}
	const want = "cannot be applied: it overlaps with D in a.c, and neither is inside the other"
	if err := schemata.Refused["E"]; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	is := regexp.MustCompile(`\d{4,}`).ReplaceAllStringFunc(string(schemata.Files["a.c"]), func(n string) string {
		for _, m := range set {
			if id := m.ID; n == strconv.Itoa(number(id)) {
				return id
			}
		}
		return n
	})
	golden(t, "testdata/overlap.c.golden", []byte(is))
}

func TestGuilty(t *testing.T) {
	_, schemata := sample(t)
	for _, tt := range []struct {
		err  string
		want []string
	}{
		{"linux 6.12 with mutants does not build: /cache/src/net/device.c:32:2: error: expected ';'", []string{"leak"}},
		{"../net/device.c:25:3: error", []string{"around", "early"}},
		{"net/device.c:3:1: error", nil},
		{"xnet/device.c:32:2: error", nil},
		{"No space left on device", nil},
	} {
		if diff := cmp.Diff(tt.want, schemata.Guilty(errors.New(tt.err))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.err, diff)
		}
	}
}

func TestFunctions(t *testing.T) {
	text, err := os.ReadFile("testdata/tree/net/device.c")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"put": 1, "hold": 1, "setup": 1, "teardown": 1, "main": 1, "puts": 0, "old": 0} {
		if got := functions(text, name); len(got) != want {
			t.Errorf("%s: %d bodies, want %d", name, len(got), want)
		}
	}
}
