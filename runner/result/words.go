package result

import (
	"fmt"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// plural counts things: 1 case, 2 cases.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// duration is a number of seconds for people.
func duration(seconds float64) string {
	if seconds < 120 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return fmt.Sprintf("%d min %d s", int(seconds)/60, int(seconds)%60)
}

// facts returns what is known, each fit to be printed in a line.
func facts(all ...string) []string {
	var known []string
	for _, s := range all {
		if s != "" {
			known = append(known, line(s))
		}
	}
	return known
}

// cpus counts CPUs, where that is known.
func cpus(n int) string {
	if n == 0 {
		return ""
	}
	return plural(n, "CPU")
}

// prefixed returns s after prefix, or "" for no s.
func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// because returns what with its reason.
func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + " (" + why + ")"
}

// kernelName names the kernel of the run.
func kernelName(r *Run) string {
	if r.Kernel.Release == "" {
		return "no kernel"
	}
	name := line(r.Kernel.Release)
	switch {
	case r.Kernel.Mutant != "":
		return name + " with the mutant " + line(r.Kernel.Mutant)
	case r.Kernel.Mutated:
		return name + " with every mutant off"
	}
	return name
}

// tally lists how many cases have which verdict, the most telling first.
func tally(n map[verdict.Verdict]int) string {
	var parts []string
	for _, v := range []verdict.Verdict{verdict.Fail, verdict.Pass, verdict.Known, verdict.Unknown, verdict.Skip} {
		if n[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[v], v))
		}
	}
	return strings.Join(parts, ", ")
}

// injections says how many failures were injected.
func injections(cases []verdict.Case) []string {
	hits, refused, skipped := 0, 0, 0
	for _, c := range cases {
		hits += c.Injections
		refused += c.Refused
		skipped += c.Skipped
	}
	if hits == 0 {
		return nil
	}
	parts := []string{plural(hits, "failure"), fmt.Sprintf("%d of them refused a device", refused)}
	if skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d more left out (-exhaustive makes them too)", skipped))
	}
	return parts
}

// guests says how the guests of the run ended, where there was more than one.
func guests(boots []Boot) []string {
	if len(boots) < 2 {
		return nil
	}
	var ends []string
	for _, b := range boots {
		ends = append(ends, fmt.Sprintf("%d: %s after %s", b.Number, line(b.Ended), duration(b.Seconds)))
	}
	return ends
}

// phases lists the parts of the run with their time.
func phases(all []Phase) []string {
	var parts []string
	for _, p := range all {
		parts = append(parts, line(p.Name)+" "+duration(p.Seconds))
	}
	return parts
}
