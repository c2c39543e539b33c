package result

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/trace"
)

// Hit says how often one kind of device left register_netdevice() by one exit.
type Hit struct {
	Kind  string `json:"kind"`
	Exit  string `json:"exit"`
	Cases int    `json:"cases"` // how many cases were seen to leave there
	// Injections counts how often those of them did that inject failures.
	Injections int `json:"injections,omitempty"`
}

// allExits are the names of the exits that a trace tells apart.
var allExits = func() []string {
	var names []string
	for _, e := range trace.AllExits {
		names = append(names, string(e))
	}
	return names
}()

// exitColumn returns the column of an exit in the coverage table.
func exitColumn(exit string) string {
	for _, e := range []string{exit, strings.TrimRight(exit, "abcdefgh")} {
		if slices.Contains(allExits, e) {
			return e
		}
	}
	return other
}

// share counts how often cases of one kind left by one exit. A case that ran
// more than once is one case.
type share struct {
	cases      map[string]bool // by name
	injections int
}

// shares sums up runs, by row and exit. A row is a kind, with the name that the
// run gets from nameOf.
func shares(runs []*Run, nameOf func(*Run) string) map[[2]string]*share {
	all := map[[2]string]*share{}
	for _, r := range runs {
		for i := range r.Cases {
			c := &r.Cases[i]
			for exit, n := range byColumn(c.Reached) {
				at := [2]string{strings.TrimSpace(c.Kind + " " + nameOf(r)), exit}
				if all[at] == nil {
					all[at] = &share{cases: map[string]bool{}}
				}
				all[at].cases[c.Name] = true
				if c.Injections > 0 {
					all[at].injections += n
				}
			}
		}
	}
	return all
}

// unnamed is the name of a run that is alone.
func unnamed(*Run) string { return "" }

// coverage sums up a run, by kind and exit, in that order.
func (r *Run) coverage() []Hit {
	var all []Hit
	for at, n := range shares([]*Run{r}, unnamed) {
		all = append(all, Hit{Kind: at[0], Exit: at[1], Cases: len(n.cases), Injections: n.injections})
	}
	slices.SortFunc(all, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(exitRank(a.Exit), exitRank(b.Exit)))
	})
	return all
}

// byColumn counts exits by their column.
func byColumn(reached map[string]int) map[string]int {
	n := map[string]int{}
	for exit, times := range reached {
		if times > 0 {
			n[exitColumn(exit)] += times
		}
	}
	return n
}

// exitRank is the place of a column; what is none comes last.
func exitRank(exit string) int {
	if i := slices.Index(allExits, exit); i >= 0 {
		return i
	}
	return len(allExits)
}

// unreached returns the exits by which no case left.
func unreached(hits []Hit) []string {
	left := []string{}
	for _, exit := range allExits {
		if !slices.ContainsFunc(hits, func(h Hit) bool { return h.Exit == exit }) {
			left = append(left, exit)
		}
	}
	return left
}

// coverageGrid shows how many cases and how many injections hit which exit. Runs
// that get the same name from nameOf add up.
func coverageGrid(runs []*Run, nameOf func(*Run) string) *grid {
	all := shares(runs, nameOf)
	g := newGrid("kind", append(slices.Clone(allExits), other)...)
	for at, n := range all {
		text := fmt.Sprint(len(n.cases))
		if n.injections > 0 {
			text += fmt.Sprintf("/%d", n.injections)
		}
		g.set(line(at[0]), at[1], text, plain)
	}
	slices.Sort(g.rows)
	g.dropEmpty()
	return g
}

// reachedTitle is over the coverage.
const reachedTitle = "Exits that were left by, as cases or cases/injections:"

// unreachedNote says which exits no run reached.
func unreachedNote(runs []*Run) string {
	left, some := slices.Clone(allExits), false
	for _, r := range runs {
		hits := r.coverage()
		some = some || len(hits) > 0
		left = slices.DeleteFunc(left, func(exit string) bool { return !slices.Contains(unreached(hits), exit) })
	}
	switch {
	case !some:
		return "No case was seen to leave register_netdevice()."
	case len(left) == 0:
		return "Every exit was reached."
	}
	return "Nothing reached " + strings.Join(left, " ") + "."
}

// coverage prints which exits were reached.
func (p *printer) coverage(runs []*Run, nameOf func(*Run) string) {
	cases := 0
	for _, r := range runs {
		cases += len(r.Cases)
	}
	if cases == 0 {
		return
	}
	if g := coverageGrid(runs, nameOf); len(g.rows) > 0 {
		p.wrap("", reachedTitle)
		p.grid(g)
	}
	p.wrap("", unreachedNote(runs))
	fmt.Fprintln(&p.out)
}
