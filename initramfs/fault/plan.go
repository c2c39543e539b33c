package fault

// A Plan chooses the allocations that a sweep fails. Those of the same class fail in
// the same way, so it takes the first of them. Two at the same call stack are of one
// class, and two of the core's own that look the same to a driver ([Core.Class]).
type Plan struct {
	// Limit is in how many classes an allocation is failed at most; 0 means in all.
	Limit int
	// Core is what is known to be the core's own. Without, each call stack is a class.
	Core   Core
	failed map[string]bool
	made   int
}

// Choose returns the places, from 0, of the allocations to fail, given the call stack of
// each one of an operation: the first of each class in which no allocation was failed
// yet, unless it is a detector's. With a limit they are some of these, as far from each other as can be.
func (p *Plan) Choose(sites []string) []int {
	var first []int
	seen := map[string]bool{}
	for i, site := range sites {
		class := p.Core.Class(site)
		if !p.failed[class] && !seen[class] && !detectors(site) {
			first = append(first, i)
		}
		seen[class] = true
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
	p.failed[p.Core.Class(site)] = true
	p.made++
}

// Done reports whether an allocation of this call stack's class was failed.
func (p *Plan) Done(site string) bool { return p.failed[p.Core.Class(site)] }

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
