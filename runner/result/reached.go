package result

import (
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
)

// reached shows by which exits the injections of the sweeps left: a sweep aims
// at none of them, and must find them all.
func (p *printer) reached() {
	hits := map[string]map[string]int{} // by kind and column
	seen := map[string]bool{}
	for i := range p.run.Cases {
		c := &p.run.Cases[i]
		if c.Injections == 0 {
			continue
		}
		kind := line(c.Kind)
		for exit, n := range c.Reached {
			if hits[kind] == nil {
				hits[kind] = map[string]int{}
			}
			hits[kind][column(exit)] += n
			seen[column(exit)] = true
		}
	}
	if len(hits) == 0 {
		return
	}
	p.wrap("", "Failed allocations by the exit they led to:")
	w := tabwriter.NewWriter(&p.out, 0, 0, len(gap), ' ', 0)
	columns := slices.DeleteFunc(slices.Clone(exits), func(exit string) bool { return !seen[exit] })
	fmt.Fprint(w, "kind")
	for _, exit := range columns {
		fmt.Fprint(w, "\t", exit)
	}
	fmt.Fprintln(w)
	for _, kind := range slices.Sorted(maps.Keys(hits)) {
		fmt.Fprint(w, kind)
		for _, exit := range columns {
			fmt.Fprint(w, "\t", hits[kind][exit])
		}
		fmt.Fprintln(w)
	}
	w.Flush() // cannot fail: it writes to memory
	fmt.Fprintln(&p.out)
}
