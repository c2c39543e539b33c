package result

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"netdev.test/teardown/initramfs/verdict"
)

// ErrAlone is returned where no two runs are of the same kernel.
var ErrAlone = errors.New("no two runs are of the same kernel and profile")

// differs reports whether the case did not end the same in all runs. One that is
// missing in a run differs, too.
func (f *fate) differs() bool {
	return slices.ContainsFunc(f.ends[1:], func(c *verdict.Case) bool {
		first := f.ends[0]
		return (c == nil) != (first == nil) || c != nil && verdictOf(c) != verdictOf(first)
	})
}

// sameKernel returns the runs by what ran in them, in the order of the first of
// each.
func sameKernel(runs []*Run) [][]*Run {
	var groups [][]*Run
	for _, r := range runs {
		at := slices.IndexFunc(groups, func(g []*Run) bool { return g[0].Kernel == r.Kernel })
		if at < 0 {
			groups = append(groups, []*Run{r})
			continue
		}
		groups[at] = append(groups[at], r)
	}
	return groups
}

// Differ writes the cases whose verdicts differ between runs of the same kernel, and
// returns how many there are: each is a flaw of the suite, which must say the same of
// the same kernel, unless it met a known issue that is marked sometimes. Kernels are
// told apart by what a result says of them: a tree or an image by its name. A run of
// which there is no second one counts for nothing.
func Differ(w io.Writer, runs []*Run, style Style) (int, error) {
	p := newPrinter(nil, style)
	total, compared := 0, 0
	for _, group := range sameKernel(runs) {
		if len(group) < 2 {
			continue
		}
		compared++
		all := fates(group)
		differing := slices.DeleteFunc(slices.Clone(all), func(f *fate) bool { return !f.differs() })
		total += len(differing)
		if len(differing) > 0 {
			p.grid(matrixGrid(differing, labels(group)))
		}
		p.wrap("", fmt.Sprintf("%s (%s): %s in %s, %d differ",
			kernelName(group[0]), line(group[0].Kernel.Profile), plural(len(all), "case"), plural(len(group), "run"), len(differing)))
	}
	if compared == 0 {
		return 0, ErrAlone
	}
	return total, p.flush(w)
}
