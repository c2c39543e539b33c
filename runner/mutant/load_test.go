package mutant

import (
	"strings"
	"testing"
	"testing/fstest"
)

const entry = `[[mutant]]
id = "A"
commit = "-"
subject = "a"
mechanism = "b"
[[mutant.edit]]
file = "a.c"
function = "f"
anchor = 'x\(\);'
delete = true
`

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ name, from, to, want string }{
		{"no id", `id = "A"`, `id = ""`, `mutant 1 "": its id must be`},
		{"odd id", `id = "A"`, `id = "A=1"`, "its id must be letters"},
		{"no subject", `subject = "a"`, "", "subject is missing"},
		{"unknown key", `subject = "a"`, "subject = \"a\"\ncolour = 1", "key mutant.colour: there is no such key"},
		{"bad range", `subject = "a"`, "subject = \"a\"\nkernels = \"new\"", `kernels: "new" in range`},
		{"bad run", `subject = "a"`, "subject = \"a\"\nrun = \"(\"", "run: error parsing regexp"},
		{"unknown oracle", `subject = "a"`, "subject = \"a\"\noracles = [\"delphi\"]", `there is no oracle "delphi"`},
		{"no reason", `subject = "a"`, "subject = \"a\"\nequivalent = [{kernels = \"6.1\"}]", "equivalent: reason is missing"},
		{"outside", `file = "a.c"`, `file = "../a.c"`, `edit 1: file: "../a.c" is no path`},
		{"no anchor", `anchor = 'x\(\);'`, "", "edit 1: file and anchor must be there"},
		{"no function", `function = "f"`, "", "edit 1: function must be there, or replace"},
		{"replace in a function", "delete = true", `replace = "y"`, "edit 1: function must be there, or replace"},
		{"anchor for all", `anchor = 'x\(\);'`, `anchor = 'x*'`, `anchor: "x*" matches everything`},
		{"nothing to do", "delete = true", "", "give one of delete, before"},
		{"two things", "delete = true", "delete = true\nafter = \"g();\"", "give one of delete, before"},
		{"two lines", "delete = true", `before = "g();\nh();"`, "must be one line"},
		{"twice", "", entry, "the id A is used twice"},
		{"no TOML", "[[mutant]]", "[[mutant", "expected '.' or ']'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(entry, tt.from, tt.to, 1)
			if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	folder := fstest.MapFS{
		"b.toml":    {Data: []byte(strings.Replace(entry, `"A"`, `"B"`, 1))},
		"a.toml":    {Data: []byte(entry)},
		"README.md": {Data: []byte("text")},
	}
	set, err := Load(folder)
	if err != nil || len(set) != 2 || set[0].ID != "A" || set[1].ID != "B" {
		t.Errorf("set %v (%v)", set, err)
	}
	folder["c.toml"] = &fstest.MapFile{Data: []byte(entry)}
	if _, err := Load(folder); err == nil || err.Error() != "mutants: the id A is used twice" {
		t.Errorf("error %v", err)
	}
	if _, err := Load(fstest.MapFS{}); err == nil {
		t.Error("no mutants are no error")
	}
}

func TestEquivalent(t *testing.T) {
	set, err := Parse([]byte(strings.Replace(entry, `subject = "a"`, `subject = "a"`+"\nequivalent = [{kernels = \">=7.2\", reason = \"nobody looks\"}]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for release, want := range map[string]string{"6.12.1": "", "7.3.4-teardown": "nobody looks"} {
		if got := set[0].EquivalentOn(release); got != want {
			t.Errorf("%s: %q, want %q", release, got, want)
		}
	}
}

func TestParseFile(t *testing.T) {
	if set, err := ParseFile("x", []byte(entry)); err != nil || len(set) != 1 {
		t.Errorf("TOML: %v (%v)", set, err)
	}
	if set, err := ParseFile("x", []byte(tableHead+"A\t\t\t\ta.c\tf\tx\tdelete line\t\t1\t1\n")); err != nil || len(set) != 1 {
		t.Errorf("table: %v (%v)", set, err)
	}
	if _, err := ParseFile("x", nil); err == nil || err.Error() != "x: it has no mutants" {
		t.Errorf("error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(entry))
	f.Add([]byte(strings.Replace(entry, "delete = true", "at = 'y(x)'\nexpression = \"z\"", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := Parse(data)
		if err != nil {
			return
		}
		fuzzApply(t, set)
	})
}
