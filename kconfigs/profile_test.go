package kconfigs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goodProfile = `
default = "b"
[[profile]]
name = "a"
about = "the first"
fragments = ["base"]
memory = 256
scale = 1
[[profile]]
name = "b"
about = "the default"
fragments = ["base", "leak"]
append = ["x=1", "y"]
memory = 512
scale = 2
`

func TestParseProfiles(t *testing.T) {
	got, err := parseProfiles(goodProfile)
	if err != nil {
		t.Fatal(err)
	}
	want := []Profile{
		{Name: "b", About: "the default", Fragments: []string{"base", "leak"}, Append: []string{"x=1", "y"}, Memory: 512, Scale: 2},
		{Name: "a", About: "the first", Fragments: []string{"base"}, Memory: 256, Scale: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("profiles (-want +got):\n%s", diff)
	}
}

func TestParseProfilesErrors(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{`scale = 1`, `scael = 1`, `unknown key "profile.scael"`},
		{`scale = 1`, `scale = 0`, `profile 1 "a": scale is 0`},
		{`scale = 1`, "scale = 1\nguests = -1", `profile 1 "a": guests are -1 at a time`},
		{`scale = 1`, `scale = "2"`, `(last key "profile.scale"): incompatible types`},
		{`memory = 256`, `memory = 16`, `profile 1 "a": memory is 16 MiB`},
		{`about = "the first"`, ``, `profile 1 "a": about is missing`},
		{`name = "a"`, `name = "b"`, `profile 2 "b": its name is taken`},
		{`name = "a"`, `name = "all"`, `it needs a name, which is one word and not "all"`},
		{`["base"]`, `[]`, `profile 1 "a": fragments are missing`},
		{`["base"]`, `["bse"]`, `profile 1 "a": no fragment "bse"`},
		{`["base"]`, `["../mine.config"]`, `"../mine.config" is no name of a fragment`},
		{`"x=1", "y"`, `"x=1 y"`, `profile 2 "b": append: "x=1 y" is not one kernel argument`},
		{`"x=1", "y"`, `"y", "y"`, `profile 2 "b": append: "y" is there twice`},
		{`default = "b"`, `default = "c"`, `the default profile "c" does not exist`},
		{`[[profile]]`, `[[profil]]`, `unknown key "profil"`},
		{`[[profile]]`, `[[profile`, `profiles.toml:4: `},
	} {
		text := strings.Replace(goodProfile, tt.old, tt.new, 1)
		if text == goodProfile {
			t.Fatalf("no %s in the profiles", tt.old)
		}
		if _, err := parseProfiles(text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q in it", tt.new, err, tt.want)
		}
	}
}

func TestProfileNames(t *testing.T) {
	for _, tt := range []struct {
		given string
		want  string
		err   string
	}{
		{"leak", "leak", ""},
		{"san leak", "san leak", ""},
		{"all", "leak san kobject lock", ""},
		{"none", "", `no profile "none": choose one of leak, san, kobject, lock`},
		{"san leak san", "", `profile "san" is given twice`},
		{"all lock", "", `profile "lock" is given twice`},
	} {
		got, err := ProfileNames(strings.Fields(tt.given))
		if strings.Join(got, " ") != tt.want || err != nil && err.Error() != tt.err || err == nil && tt.err != "" {
			t.Errorf("%s: %v, error %v", tt.given, got, err)
		}
	}
	if got, err := ProfileNames(nil); got != nil || err != nil {
		t.Errorf("no name: %v, error %v", got, err)
	}
}

// FuzzParseProfiles: what is accepted can be used.
func FuzzParseProfiles(f *testing.F) {
	f.Add(goodProfile)
	text, err := files.ReadFile(profilesFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Fuzz(func(t *testing.T, text string) {
		profiles, err := parseProfiles(text)
		if err != nil {
			return
		}
		for _, p := range profiles {
			if err := p.check(); err != nil {
				t.Errorf("accepted: %v", err)
			}
		}
	})
}
