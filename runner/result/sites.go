package result

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// outcome says what became of the operation in which the site was made to fail.
func outcome(s verdict.Site) string {
	switch {
	case s.Refused && s.Exit != "":
		return "left by " + line(s.Exit)
	case s.Refused:
		return "and the operation failed"
	}
	return "and the operation went on"
}

// place names the site.
func place(s verdict.Site) string {
	if s.Alloc == "" {
		return "an allocation that is not known"
	}
	return "allocation in " + line(s.Alloc)
}

// shownSites is how many sites are shown of what one oracle said.
const shownSites = 3

// sites says which allocations were refused when the oracle spoke, one line for
// each.
func (s statement) sites(c *verdict.Case) []string {
	var sites []verdict.Site
	met := map[int][]int{} // injections by index in sites
	for _, n := range s.injections {
		for _, site := range c.SitesOf(n) {
			i := slices.Index(sites, site)
			if i < 0 {
				i = len(sites)
				sites = append(sites, site)
			}
			met[i] = append(met[i], n)
		}
	}
	var lines []string
	for i, site := range sites {
		if i == shownSites {
			lines = append(lines, fmt.Sprintf("and at %d more places", len(sites)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("%s: %s refused, %s", numbered(met[i]), place(site), outcome(site)))
	}
	return lines
}

// shownInjections is how many injections are numbered.
const shownInjections = 8

// numbered names injections: injection 17, 18 and 3 more.
func numbered(injections []int) string {
	var numbers []string
	for _, n := range injections[:min(len(injections), shownInjections)] {
		numbers = append(numbers, fmt.Sprint(n))
	}
	text := "injection " + strings.Join(numbers, ", ")
	if more := len(injections) - len(numbers); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Sites writes, for each case of the run that injects failures, what was made to
// fail and what came of it.
func Sites(w io.Writer, run *Run, style Style) error {
	p := newPrinter(run, style)
	for i := range run.Cases {
		c := &run.Cases[i]
		if len(c.Sites) == 0 {
			continue
		}
		p.wrap("", fmt.Sprintf("%s on %s: %s at %s, %d refused", line(c.Name), kernelLabel(run),
			plural(c.Injections, "injection"), plural(len(c.Sites), "place"), c.Refused))
		for _, s := range sortedSites(c.Sites) {
			exit := "-"
			if s.Refused {
				exit = cmp.Or(line(s.Exit), "failed")
			}
			p.wrap(fmt.Sprintf("  %5d×  %-6s  ", s.Count, exit), fmt.Sprintf("%s (%s)", cmp.Or(line(s.Alloc), "not known"), line(string(s.Injections))))
		}
		fmt.Fprintln(&p.out)
	}
	if p.out.Len() == 0 {
		p.wrap("", fmt.Sprintf("No case on %s says what its injections made fail.", kernelLabel(run)))
	}
	return p.flush(w)
}

// sortedSites returns the sites by exit, those that refused nothing last.
func sortedSites(sites []verdict.Site) []verdict.Site {
	rank := func(s verdict.Site) int {
		switch {
		case !s.Refused:
			return len(allExits) + 1
		}
		return exitRank(exitColumn(s.Exit))
	}
	return slices.SortedStableFunc(slices.Values(sites), func(a, b verdict.Site) int { return cmp.Compare(rank(a), rank(b)) })
}
