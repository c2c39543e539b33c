package klog

import "strings"

// casePrefix begins the line that tells which case begins.
const casePrefix = "teardown: case"

// CaseMark is the line that the guest writes into /dev/kmsg when a case begins;
// the empty name ends the last one. [Scan] gives the name to the reports that
// follow, and finds nothing in the line itself.
func CaseMark(name string) string {
	return casePrefix + " " + string(plain([]byte(name)))
}

// markedCase returns the name of the case that a line begins, whoever wrote
// it: on a console all lines look alike.
func markedCase(text string) (string, bool) {
	name, ok := strings.CutPrefix(text, casePrefix)
	if !ok || name != "" && name[0] != ' ' {
		return "", false
	}
	return strings.TrimSpace(name), true
}

// attribute gives each line the case that was running when it was printed,
// and leaves out the lines that say so: one of them may stand in the middle of
// a dump that another processor prints.
func attribute(lines []line) []line {
	var (
		out     = make([]line, 0, len(lines))
		running string
	)
	for _, l := range lines {
		if name, ok := markedCase(l.text); ok {
			running = name
			continue
		}
		l.running = running
		out = append(out, l)
	}
	return out
}
