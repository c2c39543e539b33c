package kconfigs

import (
	"fmt"
	"slices"
	"strings"
)

// A Profile says what a kernel is made of, and how a guest that runs it is set
// up.
type Profile struct {
	Name      string
	About     string   // one line for people
	Fragments []string // of its configuration, in merge order; see [Profile.For]
	Append    []string // kernel arguments, after those that every guest gets
	Memory    int      // of a guest, in MiB
	Scale     int      // factor of all deadlines, on host and guest
	Guests    int      // at a time, where nobody asks for a number; 0 means what the suite has by default
}

// AllProfiles stands for every profile where names of profiles are given.
const AllProfiles = "all"

// Profiles returns all profiles, the default one first.
func Profiles() ([]Profile, error) {
	text, err := files.ReadFile(profilesFile)
	if err != nil {
		return nil, err
	}
	return parseProfiles(string(text))
}

const profilesFile = "profiles.toml"

// table is what profilesFile holds.
type table struct {
	Default  string
	Families []string
	Profile  []Profile
}

// parseProfiles reads the profiles of the table.
func parseProfiles(text string) ([]Profile, error) {
	var t table
	if err := decodeText(profilesFile, text, &t); err != nil {
		return nil, err
	}
	for i, p := range t.Profile {
		err := p.check()
		if slices.ContainsFunc(t.Profile[:i], func(q Profile) bool { return q.Name == p.Name }) {
			err = fmt.Errorf("its name is taken by an earlier one")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: profile %d %q: %w", profilesFile, i+1, p.Name, err)
		}
	}
	i := slices.IndexFunc(t.Profile, func(p Profile) bool { return p.Name == t.Default })
	if i < 0 {
		return nil, fmt.Errorf("%s: the default profile %q does not exist", profilesFile, t.Default)
	}
	first := t.Profile[i]
	return append([]Profile{first}, slices.Delete(t.Profile, i, i+1)...), nil
}

// leastMemory is what a guest needs to boot, in MiB.
const leastMemory = 256

// check tells what is wrong with the profile.
func (p Profile) check() error {
	for _, name := range p.Fragments {
		if strings.Contains(name, "/") || strings.Contains(name, ".") {
			return fmt.Errorf("%q is no name of a fragment", name)
		}
		if name == familyFragments {
			continue
		}
		if _, err := LoadFragment(name); err != nil {
			return err
		}
	}
	for i, arg := range p.Append {
		if arg == "" || strings.ContainsAny(arg, " \t\n\"") {
			return fmt.Errorf("append: %q is not one kernel argument", arg)
		}
		if slices.Contains(p.Append[:i], arg) {
			return fmt.Errorf("append: %q is there twice", arg)
		}
	}
	switch {
	case p.Name == "" || p.Name == AllProfiles || strings.ContainsAny(p.Name, " ,/"):
		return fmt.Errorf("it needs a name, which is one word and not %q", AllProfiles)
	case p.About == "":
		return fmt.Errorf("about is missing")
	case len(p.Fragments) == 0:
		return fmt.Errorf("fragments are missing")
	case p.Memory < leastMemory:
		return fmt.Errorf("memory is %d MiB: a guest needs %d", p.Memory, leastMemory)
	case p.Guests < 0:
		return fmt.Errorf("guests are %d at a time", p.Guests)
	case p.Scale < 1:
		return fmt.Errorf("scale is %d: it multiplies deadlines, so it is 1 or more", p.Scale)
	}
	return nil
}

// FindProfile returns the profile with that name, the default one for "".
func FindProfile(name string) (Profile, error) {
	profiles, err := Profiles()
	if err != nil {
		return Profile{}, err
	}
	if name == "" {
		return profiles[0], nil
	}
	return find("profile", name, profiles, func(p Profile) string { return p.Name })
}

// ProfileNames returns the names of profiles as people give them: each exists,
// none comes twice, and [AllProfiles] stands for all of them.
func ProfileNames(given []string) ([]string, error) {
	profiles, err := Profiles()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range given {
		if name == AllProfiles {
			for _, p := range profiles {
				names = append(names, p.Name)
			}
			continue
		}
		if _, err := find("profile", name, profiles, func(p Profile) string { return p.Name }); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("profile %q is given twice", name)
		}
	}
	return names, nil
}
