package kconfigs

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFamilies compares the list of families with the fragments that there are.
func TestFamilies(t *testing.T) {
	families, err := Families()
	if err != nil {
		t.Fatal(err)
	}
	names, err := fragmentNames()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if family, ok := strings.CutPrefix(name, familyPrefix); ok && !slices.Contains(families, family) {
			t.Errorf("fragment %s is of no family", name)
		}
	}
	for i, family := range families {
		if slices.Contains(families[:i], family) || !slices.Contains(names, familyPrefix+family) {
			t.Errorf("family %q is there twice, or has no fragment", family)
		}
	}
}

func TestFor(t *testing.T) {
	p := Profile{Fragments: []string{"base", "dev", "leak"}}
	all, err := p.For(nil)
	if err != nil || len(all) < 5 || all[0] != "base" || all[1] != "dev-basic" || all[len(all)-1] != "leak" {
		t.Errorf("For(nil) = %v, %v", all, err)
	}
	some, err := p.For([]string{"tunnel", "basic"})
	if diff := cmp.Diff([]string{"base", "dev-basic", "dev-tunnel", "leak"}, some); diff != "" || err != nil {
		t.Errorf("For(tunnel, basic) (-want +got):\n%s%v", diff, err)
	}
	if _, err := p.For([]string{"toaster"}); err == nil || !strings.Contains(err.Error(), "no family of kinds \"toaster\": choose among basic, ") {
		t.Errorf("For(toaster) error = %v", err)
	}
}
