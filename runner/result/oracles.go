package result

import (
	"fmt"
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// watched says how far an oracle's silence in a run can be trusted.
type watched string

// What an oracle's positive controls came to.
const (
	seen      watched = "saw"    // it reported what was planted, in each boot that asked it
	missed    watched = "MISSED" // it did not, in some boot
	absent    watched = "absent" // the kernel lacks what it needs
	unplanted watched = nothing  // nothing was planted for it
)

// colour is the verdict that befits w.
func (w watched) colour() verdict.Verdict {
	return map[watched]verdict.Verdict{seen: verdict.Pass, missed: verdict.Unknown, absent: verdict.Skip}[w]
}

// watch returns what the positive controls of an oracle came to, and why.
func (r *Run) watch(oracle verdict.Oracle) (w watched, why string) {
	w = unplanted
	for _, b := range r.Boots {
		for _, c := range b.Controls {
			switch {
			case c.Oracle != oracle:
			case c.Saw:
				if w == unplanted {
					w, why = seen, c.Detail
				}
			case !c.Absent:
				return missed, c.Detail
			default:
				w, why = absent, c.Detail
			}
		}
	}
	return w, why
}

// oracles returns all oracles, and what else had a control in the runs.
func oracles(runs []*Run) []verdict.Oracle {
	all := verdict.Oracles()
	for _, r := range runs {
		for _, b := range r.Boots {
			for _, c := range b.Controls {
				if !slices.Contains(all, c.Oracle) {
					all = append(all, c.Oracle)
				}
			}
		}
	}
	return all
}

// watches says in words which oracles could be trusted in the run.
func (r *Run) watches() []string {
	if len(r.Boots) == 0 {
		return nil
	}
	groups := map[watched][]string{}
	for _, o := range oracles([]*Run{r}) {
		if w, _ := r.watch(o); w != absent {
			groups[w] = append(groups[w], line(string(o)))
		}
	}
	for _, g := range absences([]*Run{r}) {
		groups[absent] = append(groups[absent], because(strings.Join(g.oracles, ", "), g.why))
	}
	var said []string
	for _, g := range []struct {
		of    watched
		words string
	}{
		{seen, "saw what was planted: "},
		{missed, "missed what was planted: "},
		{absent, "not in this kernel: "},
		{unplanted, "nothing is planted for: "},
	} {
		if names := groups[g.of]; len(names) > 0 {
			said = append(said, g.words+strings.Join(names, ", "))
		}
	}
	return said
}

// oracles prints which oracles could be trusted.
func (p *printer) oracles() {
	for i, said := range p.run.watches() {
		head := ""
		if i == 0 {
			head = "oracles"
		}
		p.wrap(pad(head, headWidth), said)
	}
}

// oracleGrid is what became of the positive controls in several runs.
func oracleGrid(runs []*Run, names []string) *grid {
	g := newGrid("oracle", names...)
	for _, o := range oracles(runs) {
		for i, r := range runs {
			if w, _ := r.watch(o); w != unplanted {
				g.set(line(string(o)), names[i], string(w), w.colour())
			}
		}
	}
	return g
}

// absence is why oracles are absent from some runs.
type absence struct {
	why     string
	oracles []string
	runs    []int // by index
}

// absences returns the oracles that are absent, those for the same reason from
// the same runs together.
func absences(runs []*Run) []absence {
	var all []absence
	for _, o := range oracles(runs) {
		from := map[string]*absence{} // for each reason
		var whys []string
		for i, r := range runs {
			w, why := r.watch(o)
			if w != absent {
				continue
			}
			why = line(why)
			if from[why] == nil {
				from[why] = &absence{why: why, oracles: []string{line(string(o))}}
				whys = append(whys, why)
			}
			from[why].runs = append(from[why].runs, i)
		}
		for _, why := range whys {
			a := *from[why]
			same := func(b absence) bool { return b.why == a.why && slices.Equal(b.runs, a.runs) }
			if i := slices.IndexFunc(all, same); i >= 0 {
				all[i].oracles = append(all[i].oracles, a.oracles...)
			} else {
				all = append(all, a)
			}
		}
	}
	return all
}

// in says which oracles are absent from which of the named runs, and why.
func (a absence) in(names []string) string {
	var from []string
	for _, i := range a.runs {
		from = append(from, names[i])
	}
	return fmt.Sprintf("%s from %s: %s", strings.Join(a.oracles, ", "), strings.Join(from, ", "), a.why)
}
