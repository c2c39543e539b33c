package kconfigs

import (
	"fmt"
	"slices"
	"strings"
)

// familyPrefix is what the fragment of a family of device kinds begins with, and
// familyFragments is what stands for those that were asked for in a profile.
const (
	familyPrefix    = "dev-"
	familyFragments = "dev"
)

// Families returns the families of device kinds that a kernel can be built for, in
// merge order.
func Families() ([]string, error) {
	var t table
	err := decode(profilesFile, &t)
	return t.Families, err
}

// For returns the names of the profile's fragments, in merge order, for a kernel
// with the drivers of the families; of all of them when none is named.
func (p Profile) For(families []string) ([]string, error) {
	all, err := Families()
	if err != nil {
		return nil, err
	}
	for _, family := range families {
		if !slices.Contains(all, family) {
			return nil, fmt.Errorf("no family of kinds %q: choose among %s", family, strings.Join(all, ", "))
		}
	}
	var fragments []string
	for _, name := range p.Fragments {
		if name != familyFragments {
			fragments = append(fragments, name)
			continue
		}
		for _, family := range all {
			if len(families) == 0 || slices.Contains(families, family) {
				fragments = append(fragments, familyPrefix+family)
			}
		}
	}
	return fragments, nil
}
