package klog

import (
	"slices"
	"strings"
)

// byFirst holds the signatures by the first byte of their Has: a line of the
// log is looked at once, not once for each signature.
var byFirst = func() (t [256][]int) {
	for i, s := range signatures {
		t[s.Has[0]] = append(t[s.Has[0]], i)
	}
	return t
}()

// match finds the signature of a line. Lines that begin with a blank belong to
// a dump: no format of the table does.
func match(text string) (*Signature, []string) {
	if text == "" || text[0] == ' ' || text[0] == '\t' {
		return nil, nil
	}
	var hits []int
	for i := range len(text) {
		for _, n := range byFirst[text[i]] {
			if strings.HasPrefix(text[i:], signatures[n].Has) && !slices.Contains(hits, n) {
				hits = append(hits, n)
			}
		}
	}
	slices.Sort(hits)
	for _, n := range hits {
		if m := signatures[n].Regexp.FindStringSubmatch(text); m != nil {
			return &signatures[n], m
		}
	}
	return nil, nil
}
