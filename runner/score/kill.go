package score

import (
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/result"
)

// KillsOf returns the cases of a run that failed: those with a finding that no
// known issue of the line explains. A guest that died, and left no case that could
// be charged with it, is a kill by itself.
func KillsOf(run *result.Run) []Kill {
	var all []Kill
	for _, c := range run.Cases {
		if c.Verdict == verdict.Fail {
			all = append(all, Kill{c.Oracle, c.Name, c.Reason})
		}
	}
	if len(all) > 0 || run.Incomplete == "" {
		return all
	}
	for _, b := range run.Boots {
		if !calm(b.Ended) {
			return []Kill{{verdict.Guest, "", b.Ended}}
		}
	}
	return nil
}

// calm reports whether a guest ended as one should, or was ended by the host.
func calm(ended string) bool {
	return slices.Contains([]string{"exit", "not needed", "interrupted"}, ended) || strings.HasPrefix(ended, "spoiled by ")
}

// Strike takes away the kills by cases that fail with every mutant off, too. A
// mutant that is left without any is unknown.
func (s *Score) Strike() {
	if s.Control == nil {
		return
	}
	void := func(k Kill) bool {
		return slices.ContainsFunc(s.Control.Failed, func(f Kill) bool { return f.Case == k.Case && f.Oracle == k.Oracle })
	}
	for i := range s.Mutants {
		m := &s.Mutants[i]
		if m.Outcome != Killed {
			continue
		}
		first := *m.Kill
		m.Kills = slices.DeleteFunc(m.Kills, void)
		if len(m.Kills) > 0 {
			m.Kill = &m.Kills[0]
			continue
		}
		m.Outcome, m.Kill = Unknown, nil
		m.Why = first.Case + " fails with every mutant off, too: " + first.Title
	}
}
