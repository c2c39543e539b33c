package fault

// An Aim tells which allocation to fail in order to hit one that was recorded. The two
// have different numbers where an allocation comes or goes in between: a page for a slab
// cache, or a detector's own.
type Aim struct {
	sites []string
	shift int // of the numbers, where the last injection hit
}

// NewAim returns an Aim at allocations with these call stacks, in their order.
func NewAim(sites []string) *Aim { return &Aim{sites: sites} }

// At returns the number, from 1, by which the allocation at place i, from 0, is likely
// hit.
func (a *Aim) At(i int) int { return max(1, i+1+a.shift) }

// Hit corrects the aim, given the call stack that the n-th allocation had.
func (a *Aim) Hit(n int, site string) {
	at := n - 1
	for d := range len(a.sites) + at + 1 {
		for _, i := range []int{at - d, at + d} {
			if i >= 0 && i < len(a.sites) && a.sites[i] == site {
				a.shift = at - i
				return
			}
		}
	}
}
