package suite

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/verdict"
)

// swept is what a sweep is for: what it found, and the exits that it reached.
type swept struct {
	Verdict  verdict.Verdict
	Findings []string
	Exits    []string
}

// TestEconomy: a sweep that fails only the first allocation of each class (see
// [fault.Plan]) finds what one does that fails all of them, and makes fewer injections.
// Two of the three kinds leak in kernels of today (tests/known-issues.toml).
func TestEconomy(t *testing.T) {
	if testing.Short() {
		t.Skip("needs guests, which -short leaves out")
	}
	const filter = "^TestCreateSweep$/^(bridge|wireguard|vlan)$"
	economical, _ := runSelf(t, filter)
	if slices.ContainsFunc(economical.Cases, func(c verdict.Case) bool { return c.Verdict == verdict.Skip }) {
		t.Skip("the kernel lacks a kind: it was built for some kinds only")
	}
	exhaustive, _ := runSelf(t, filter, "-exhaustive")
	if len(economical.Cases) != 3 {
		t.Fatalf("%d sweeps ran, want 3", len(economical.Cases))
	}
	if diff := cmp.Diff(sweeps(exhaustive.Cases), sweeps(economical.Cases)); diff != "" {
		t.Errorf("the economical sweeps found something else (-exhaustive +economical):\n%s", diff)
	}
	for _, c := range economical.Cases {
		all := exhaustive.Cases[slices.IndexFunc(exhaustive.Cases, func(e verdict.Case) bool { return e.Name == c.Name })]
		if c.Skipped == 0 || c.Injections == 0 || c.Injections >= all.Injections {
			t.Errorf("%s: %d injections and %d skipped, %d when all are made", c.Name, c.Injections, c.Skipped, all.Injections)
		}
	}
}

// sweeps sums each case up by its name.
func sweeps(cases []verdict.Case) map[string]swept {
	all := map[string]swept{}
	for _, c := range cases {
		s := swept{Verdict: c.Verdict, Exits: slices.Sorted(maps.Keys(c.Reached))}
		for _, f := range c.Evidence {
			s.Findings = append(s.Findings, string(f.Oracle)+": "+f.Title)
		}
		slices.Sort(s.Findings)
		all[c.Name] = s
	}
	return all
}
