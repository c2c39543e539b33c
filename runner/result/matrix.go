package result

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// labels names runs by line and profile, each differently.
func labels(runs []*Run) []string {
	var names []string
	for _, r := range runs {
		name := line(r.Kernel.Line)
		if name == "" {
			name = kernelName(r)
		}
		name = strings.TrimSpace(name + " " + line(r.Kernel.Profile))
		unique := name
		for n := 2; slices.Contains(names, unique); n++ {
			unique = fmt.Sprintf("%s #%d", name, n)
		}
		names = append(names, unique)
	}
	return names
}

// lineName is the line of a run's kernel, or what it calls itself.
func lineName(r *Run) string {
	if r.Kernel.Line != "" {
		return line(r.Kernel.Line)
	}
	return kernelName(r)
}

// fate is what became of one case in several runs: the worst that it ended with
// in each, nil where it did not run.
type fate struct {
	name string
	ends []*verdict.Case
}

// fates returns what became of each case, in the order in which they first ended.
func fates(runs []*Run) []*fate {
	var all []*fate
	index := map[string]*fate{}
	for i, r := range runs {
		for j := range r.Cases {
			c := &r.Cases[j]
			f := index[c.Name]
			if f == nil {
				f = &fate{c.Name, make([]*verdict.Case, len(runs))}
				index[c.Name] = f
				all = append(all, f)
			}
			if f.ends[i] == nil || rank(c) < rank(f.ends[i]) {
				f.ends[i] = c
			}
		}
	}
	return all
}

// rank is the place of the case's verdict in [weight].
func rank(c *verdict.Case) int { return slices.Index(weight, verdictOf(c)) }

// worst returns the verdict that stands for the case.
func (f *fate) worst() verdict.Verdict {
	n := cell{}
	for _, c := range f.ends {
		if c != nil {
			n[verdictOf(c)]++
		}
	}
	return n.worst()
}

// bad reports whether the case failed, or is unknown, in some run.
func (f *fate) bad() bool { return f.worst() == verdict.Fail || f.worst() == verdict.Unknown }

// lines says what became of the case, and in which runs.
func (f *fate) lines(names []string) []string {
	var words []string
	in := map[string][]string{}
	for i, c := range f.ends {
		w := "did not run"
		if c != nil {
			w = word(verdictOf(c))
			if v := verdictOf(c); v == verdict.Fail || v == verdict.Unknown {
				w += ": " + said(c)
			}
		}
		if in[w] == nil {
			words = append(words, w)
		}
		in[w] = append(in[w], names[i])
	}
	for i, w := range words {
		words[i] = strings.Join(in[w], ", ") + ": " + w
	}
	return words
}

// said is what decided the verdict of c.
func said(c *verdict.Case) string {
	switch {
	case c.Reason == "":
		return "no reason was given"
	case c.Oracle == "":
		return line(c.Reason)
	}
	return line(string(c.Oracle)) + ": " + line(c.Reason)
}

// matrixGrid shows what became of each case in each run.
func matrixGrid(all []*fate, names []string) *grid {
	g := newGrid("case", names...)
	for _, f := range all {
		for i, c := range f.ends {
			if c != nil {
				g.set(line(f.name), names[i], word(verdictOf(c)), verdictOf(c))
			}
		}
	}
	return g
}

// Matrix writes what became of every case in every run.
func Matrix(w io.Writer, runs []*Run, style Style) error {
	p := newPrinter(nil, style)
	p.grid(matrixGrid(fates(runs), labels(runs)))
	return p.flush(w)
}
