package result

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// Summary writes the verdict of several runs together, for people at a terminal:
// a line for each run, the cases that failed or are unknown and in which runs,
// the exits that were reached, and the oracles that could be trusted. The last
// line is the verdict of all. It adds to what [Text] writes of each run.
func Summary(w io.Writer, runs []*Run, style Style) error {
	p := newPrinter(nil, style)
	names := labels(runs)
	p.grid(runGrid(runs, names))
	for i, r := range runs {
		if why := r.incomplete(); why != "" {
			p.wrap("incomplete  ", names[i]+": "+line(why))
			fmt.Fprintln(&p.out)
		}
	}
	p.fates(fates(runs), names)
	p.coverage(runs, lineName)
	p.grid(oracleGrid(runs, names))
	for _, a := range absences(runs) {
		p.wrap("absent  ", a.in(names))
	}
	p.lastOf(runs)
	return p.flush(w)
}

// runGrid has a row for each run.
func runGrid(runs []*Run, names []string) *grid {
	g := newGrid("kernel", "verdict")
	for _, v := range weight {
		g.columns = append(g.columns, string(v))
	}
	g.columns = append(g.columns, "time")
	for i, r := range runs {
		g.set(names[i], "verdict", statusWord(r), wordVerdict(statusWord(r)))
		for v, n := range r.count() {
			g.set(names[i], string(v), fmt.Sprint(n), v)
		}
		g.set(names[i], "time", duration(r.Seconds), plain)
	}
	return g
}

// statusWords are the words of [statusWord], the most telling first.
var statusWords = []string{"FAIL", "INCOMPLETE", "UNKNOWN", "PASS"}

// wordVerdict is the verdict that befits one of statusWords.
func wordVerdict(w string) verdict.Verdict {
	switch w {
	case "FAIL":
		return verdict.Fail
	case "PASS":
		return verdict.Pass
	}
	return verdict.Unknown
}

// fates writes the cases that failed or are unknown, those of the same fate
// together.
func (p *printer) fates(all []*fate, names []string) {
	var order []string
	members := map[string][]*fate{}
	for _, f := range all {
		if !f.bad() {
			continue
		}
		key := string(f.worst()) + "\n" + strings.Join(f.lines(names), "\n")
		if members[key] == nil {
			order = append(order, key)
		}
		members[key] = append(members[key], f)
	}
	byWorst := func(a, b string) int {
		return slices.Index(weight, members[a][0].worst()) - slices.Index(weight, members[b][0].worst())
	}
	slices.SortStableFunc(order, byWorst)
	for _, key := range order {
		p.oneFate(members[key], names)
	}
}

func (p *printer) oneFate(same []*fate, runs []string) {
	var cases []string
	for _, f := range same {
		cases = append(cases, f.name)
	}
	v := same[0].worst()
	fmt.Fprintf(&p.out, "%s  ", p.paint(v, word(v)))
	p.continued(len(word(v))+len("  "), shortNames(cases))
	for _, l := range same[0].lines(runs) {
		p.wrap("      ", l)
	}
	fmt.Fprintln(&p.out)
}

// lastOf writes the verdict of all runs in one line.
func (p *printer) lastOf(runs []*Run) {
	seconds, n := 0.0, map[string]int{}
	for _, r := range runs {
		seconds += r.Seconds
		n[statusWord(r)]++
	}
	var words, counts []string
	for _, w := range statusWords {
		if n[w] > 0 {
			words = append(words, w)
			counts = append(counts, fmt.Sprintf("%d %s", n[w], w))
		}
	}
	if len(words) == 0 {
		return
	}
	fmt.Fprintf(&p.out, "\n%s  %s in %s: %s\n", p.paint(wordVerdict(words[0]), words[0]),
		plural(len(runs), "run"), duration(seconds), strings.Join(counts, ", "))
}
