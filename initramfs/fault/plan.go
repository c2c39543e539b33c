package fault

// A Plan chooses the allocations that a sweep fails. Those at the same call stack fail
// in the same way, so it takes the first of them.
type Plan struct {
	// Limit is at how many call stacks an allocation is failed at most; 0 means at all.
	Limit  int
	failed map[string]bool
	made   int
}

// Choose returns the places, from 0, of the allocations to fail, given the call stack of
// each one of an operation: the first at each call stack that no allocation was failed
// at yet. With a limit they are some of these, as far from each other as can be.
func (p *Plan) Choose(sites []string) []int {
	var first []int
	seen := map[string]bool{}
	for i, site := range sites {
		if !p.failed[site] && !seen[site] {
			first = append(first, i)
		}
		seen[site] = true
	}
	if p.Limit == 0 {
		return first
	}
	return spread(first, p.Limit-p.made)
}

// Made notes that an allocation at this call stack was failed.
func (p *Plan) Made(site string) {
	if p.failed == nil {
		p.failed = map[string]bool{}
	}
	p.failed[site] = true
	p.made++
}

// Done reports whether an allocation at this call stack was failed.
func (p *Plan) Done(site string) bool { return p.failed[site] }

// spread returns at most n of the elements, evenly.
func spread(all []int, n int) []int {
	if n = max(n, 0); n >= len(all) {
		return all
	}
	some := make([]int, n)
	for i := range some {
		some[i] = all[i*len(all)/n]
	}
	return some
}
