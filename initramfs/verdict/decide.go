package verdict

import (
	"slices"
	"strings"
)

// Valid reports whether v is one of the verdicts.
func (v Verdict) Valid() bool {
	return slices.Contains([]Verdict{Pass, Fail, Known, Skip, Unknown}, v)
}

// Oracles returns all oracles.
func Oracles() []Oracle {
	return []Oracle{Errno, Notify, Deadline, Log, Remains, Life, Live, PerCPU, Account, Kmemleak, Guest, Trigger}
}

// Decide sets c's Verdict, Oracle and Reason from its Evidence and Blind. It
// may be called again after either has changed.
//
// A finding that no known issue explains makes the case fail, whatever else was
// found or could not be seen. Failing that, an oracle that was blind makes it
// unknown, and so does a finding of the [Trigger] oracle: a trigger that missed
// its exit tells nothing about the kernel. Failing that, findings that are all
// explained make it known. A case without any of them passes, unless it was
// skipped (Verdict is Skip already).
func Decide(c *Case) {
	keepGiven(c)
	var explained, missed []Finding
	for _, f := range c.Evidence {
		switch {
		case f.Oracle == Trigger:
			missed = append(missed, f)
		case f.Known != "":
			explained = append(explained, f)
		default:
			c.Verdict, c.Oracle, c.Reason = Fail, f.Oracle, f.Title
			return
		}
	}
	blind := slices.Concat(c.Blind, missed)
	switch {
	case len(blind) > 0:
		c.Verdict, c.Oracle, c.Reason = Unknown, blind[0].Oracle, blind[0].Title
	case len(explained) > 0:
		c.Verdict, c.Oracle, c.Reason = Known, explained[0].Oracle, knownReason(explained)
	case c.Verdict != Skip:
		c.Verdict, c.Oracle, c.Reason = Pass, "", ""
	}
}

// keepGiven turns the verdict fail or unknown that somebody gave to c without
// evidence into evidence, so that deciding cannot lose it.
func keepGiven(c *Case) {
	if len(c.Evidence)+len(c.Blind) > 0 {
		return
	}
	given := Finding{Oracle: c.Oracle, Title: c.Reason}
	switch c.Verdict {
	case Fail:
		c.Evidence = []Finding{given}
	case Unknown:
		c.Blind = []Finding{given}
	}
}

// knownReason names the known issues that explain the findings, each once.
func knownReason(explained []Finding) string {
	var ids []string
	for _, f := range explained {
		if !slices.Contains(ids, f.Known) {
			ids = append(ids, f.Known)
		}
	}
	if len(ids) == 1 {
		return "known issue " + ids[0]
	}
	return "known issues " + strings.Join(ids, ", ")
}
