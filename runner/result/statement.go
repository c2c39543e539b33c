package result

import (
	"fmt"
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// statement is what one oracle said about one case, said once however many
// injections made it say so.
type statement struct {
	verdict.Finding // the first of them
	injections      []int
}

// statements gathers the findings that say the same.
func statements(findings []verdict.Finding) []statement {
	type key struct {
		oracle       verdict.Oracle
		title, known string
	}
	index := map[key]int{}
	var out []statement
	for _, f := range findings {
		k := key{f.Oracle, f.Title, f.Known}
		i, met := index[k]
		if !met {
			i = len(out)
			index[k] = i
			out = append(out, statement{Finding: f})
		}
		if f.Injection > 0 && !slices.Contains(out[i].injections, f.Injection) {
			out[i].injections = append(out[i].injections, f.Injection)
		}
	}
	return out
}

// unexplained returns the findings of c that no known issue explains.
func unexplained(c *verdict.Case) []verdict.Finding {
	return slices.DeleteFunc(slices.Clone(c.Evidence), func(f verdict.Finding) bool { return f.Known != "" })
}

// headline says what the oracle said in one line.
func (s statement) headline() string {
	var notes []string
	if len(s.injections) > 0 {
		notes = append(notes, numbered(s.injections))
	}
	if s.Known != "" {
		notes = append(notes, "known issue "+line(s.Known))
	}
	head := line(s.Title)
	if s.Oracle != "" {
		head = line(string(s.Oracle)) + ": " + head
	}
	if len(notes) > 0 {
		head += " (" + strings.Join(notes, "; ") + ")"
	}
	return head
}

// reasons gathers cases by the reason for their verdict, in order of first
// appearance.
func reasons(cases []verdict.Case, v verdict.Verdict) []reason {
	index := map[string]int{}
	var out []reason
	for i := range cases {
		c := &cases[i]
		if verdictOf(c) != v {
			continue
		}
		why := line(c.Reason)
		if why == "" {
			why = "no reason was given"
		}
		at, met := index[why]
		if !met {
			at = len(out)
			index[why] = at
			out = append(out, reason{why: why})
		}
		out[at].cases = append(out[at].cases, c)
	}
	return out
}

// reason is why cases have their verdict.
type reason struct {
	why   string
	cases []*verdict.Case
}

// names returns the first n names in one line, and how many more there are.
func names(all []string, n int) string {
	shown := make([]string, min(n, len(all)))
	for i := range shown {
		shown[i] = line(all[i])
	}
	s := strings.Join(shown, ", ")
	if more := len(all) - len(shown); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// caseNames returns the names of cases.
func caseNames(cases []*verdict.Case) []string {
	out := make([]string, len(cases))
	for i, c := range cases {
		out[i] = c.Name
	}
	return out
}
