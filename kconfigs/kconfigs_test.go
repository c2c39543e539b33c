package kconfigs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustVersion(t *testing.T, s string) Version {
	t.Helper()
	v, err := ParseVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParseFragment(t *testing.T) {
	const text = `# base: a comment.

CONFIG_A=y
CONFIG_B=m # lines: >=6.1 <7.2
# CONFIG_C is not set # lines: <=6.1
CONFIG_D="a # b"
CONFIG_E=0x10
`
	f, err := ParseFragment("base", text)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		line string
		want []string
	}{
		{"5.10", []string{"CONFIG_A=y", "# CONFIG_C is not set", `CONFIG_D="a # b"`, "CONFIG_E=0x10"}},
		{"6.1", []string{"CONFIG_A=y", "CONFIG_B=m", "# CONFIG_C is not set", `CONFIG_D="a # b"`, "CONFIG_E=0x10"}},
		{"6.12", []string{"CONFIG_A=y", "CONFIG_B=m", `CONFIG_D="a # b"`, "CONFIG_E=0x10"}},
		{"7.2", []string{"CONFIG_A=y", `CONFIG_D="a # b"`, "CONFIG_E=0x10"}},
	}
	for _, tt := range tests {
		options, err := Select(mustVersion(t, tt.line), f)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range options {
			got = append(got, o.String())
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.line, d)
		}
	}
}

func TestParseFragmentErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"n", "CONFIG_A=n", "f.config:1: \"CONFIG_A=n\" is not an option"},
		{"not a symbol", "\nFOO=y", "f.config:2: \"FOO=y\" is not an option"},
		{"commented out", "#CONFIG_A=y", "neither an option nor a comment"},
		{"misspelt unset", "# CONFIG_A is unset", "neither an option nor a comment"},
		{"trailing text", "CONFIG_A=y # because", `only "# lines: CONSTRAINT" may stand there`},
		{"glued", "CONFIG_A=yes", "is not an option"},
		{"bad bound", "CONFIG_A=y # lines: 6.12", `write bounds such as ">=6.12"`},
		{"bad version", "CONFIG_A=y # lines: >=6", `write bounds such as ">=6.12"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseFragment("f.config", tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	parse := func(name, text string) Fragment {
		f, err := ParseFragment(name, text)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	v := mustVersion(t, "6.12")
	first := parse("first", "CONFIG_A=y\nCONFIG_B=y")
	got, err := Select(v, first, parse("second.config", "# CONFIG_A is not set"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].String() != "# CONFIG_A is not set" || got[0].Where() != "second.config:1" {
		t.Errorf("a later fragment does not override: %v", got)
	}
	_, err = Select(v, parse("twice.config", "CONFIG_A=y\nCONFIG_A=m"))
	if err == nil || err.Error() != "twice.config:2: CONFIG_A is already set in line 1" {
		t.Errorf("error %v", err)
	}
	if _, err = Select(v, parse("apart", "CONFIG_A=y # lines: <6.12\nCONFIG_A=m # lines: >=6.12")); err != nil {
		t.Errorf("the same symbol for different lines: %v", err)
	}
}

// TestProfiles checks that every profile can be selected for every line, and
// that nothing in the folder is left out of all profiles.
func TestProfiles(t *testing.T) {
	profiles, err := Profiles()
	if err != nil {
		t.Fatal(err)
	}
	if profiles[0].Name != "leak" {
		t.Errorf("default profile %s", profiles[0].Name)
	}
	lines, err := Lines()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, p := range profiles {
		var fragments []Fragment
		names, err := p.For(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			f, err := LoadFragment(name)
			if err != nil {
				t.Fatal(err)
			}
			fragments = append(fragments, f)
			used[name] = true
		}
		for _, l := range lines {
			if _, err := Select(mustVersion(t, l.Name), fragments...); err != nil {
				t.Errorf("profile %s, line %s: %v", p.Name, l.Name, err)
			}
		}
	}
	names, err := fragmentNames()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !used[name] {
			t.Errorf("fragment %s is in no profile", name)
		}
	}
}

func TestFind(t *testing.T) {
	l, err := FindLine("6.12")
	if err != nil || l.Package != "linux-source-6.12" || !l.Longterm {
		t.Errorf("line %+v, error %v", l, err)
	}
	_, err = FindLine("6.13")
	if want := `no kernel line "6.13": choose one of 5.10, 6.1, 6.12, 7.2, 7.3`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if p, err := FindProfile(""); err != nil || p.Name != "leak" {
		t.Errorf("profile %+v, error %v", p, err)
	}
	_, err = FindProfile("fast")
	if want := `no profile "fast": choose one of leak, san, kobject, lock`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	_, err = LoadFragment("nosuch")
	if err == nil || !strings.Contains(err.Error(), `no fragment "nosuch": choose one of account, base, dev-basic,`) {
		t.Errorf("error %v", err)
	}
}

func TestLoadFragmentFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.config")
	if err := os.WriteFile(file, []byte("CONFIG_A=y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := LoadFragment(file)
	if err != nil || len(f.Options) != 1 || f.Options[0].Where() != file+":1" {
		t.Errorf("%+v, error %v", f, err)
	}
}

func TestCheck(t *testing.T) {
	const config = "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_N=20\nCONFIG_S=\"a b\"\n"
	tests := []struct {
		asked string
		want  string // "" when it holds
	}{
		{"CONFIG_A=y", ""},
		{"CONFIG_B=m", ""},
		{"# CONFIG_C is not set", ""},
		{"# CONFIG_ABSENT is not set", ""},
		{"CONFIG_N=20", ""},
		{`CONFIG_S="a b"`, ""},
		{"CONFIG_A=m", "asked CONFIG_A=m, got CONFIG_A=y"},
		{"CONFIG_C=y", "asked CONFIG_C=y, got # CONFIG_C is not set"},
		{"CONFIG_ABSENT=y", "asked CONFIG_ABSENT=y, got # CONFIG_ABSENT is not set"},
		{"# CONFIG_B is not set", "asked # CONFIG_B is not set, got CONFIG_B=m"},
		{"CONFIG_N=2", "asked CONFIG_N=2, got CONFIG_N=20"},
	}
	for _, tt := range tests {
		wrong, err := Check([]string{tt.asked}, strings.NewReader(config))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(wrong) > 0 {
			got = wrong[0].String()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.asked, got, tt.want)
		}
	}
	if _, err := Check([]string{"nonsense"}, strings.NewReader(config)); err == nil {
		t.Error("a line that is none was accepted")
	}
}

func TestParseVersion(t *testing.T) {
	tests := []struct {
		in   string
		want Version
		ok   bool
	}{
		{"6.12", Version{6, 12}, true},
		{"6.12.117-teardown", Version{6, 12}, true},
		{"7.3-rc2", Version{7, 3}, true},
		{"7.3.0-rc2+", Version{7, 3}, true},
		{"6", Version{}, false},
		{"6.x", Version{}, false},
		{"v6.1", Version{}, false},
		{"6.12345", Version{}, false},
		{"", Version{}, false},
	}
	for _, tt := range tests {
		got, err := ParseVersion(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: %v, error %v", tt.in, got, err)
		}
	}
}

// FuzzParseFragment checks that what is accepted means the same when it is
// written out and read again.
func FuzzParseFragment(f *testing.F) {
	f.Add("CONFIG_A=y\n# CONFIG_B is not set\n")
	f.Add("CONFIG_A=\"x\" # lines: >=6.1 <7.2")
	f.Add("#CONFIG_A=y")
	f.Fuzz(func(t *testing.T, text string) {
		frag, err := ParseFragment("f", text)
		if err != nil {
			return
		}
		for _, o := range frag.Options {
			again, err := ParseFragment("f", o.String())
			if err != nil || len(again.Options) != 1 || again.Options[0].String() != o.String() {
				t.Fatalf("%q does not read back: %+v, %v", o.String(), again, err)
			}
			if _, _, err := splitAsked(o.String()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
