package verdict

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// release is the version at the start of a kernel release: 6.12.117-teardown,
// 6.1.0-rc3+.
type release struct {
	numbers []int // two or three
	rc      int   // release candidate, 0 for none
}

var (
	releaseStart = regexp.MustCompile(`^(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?:-rc(\d{1,6}))?(?:[^\d]|$)`)
	bound        = regexp.MustCompile(`^(>=|<=|>|<|=)?(\d{1,6}\.\d{1,6}(?:\.\d{1,6})?(?:-rc\d{1,6})?)$`)
)

// parseRelease reads the version at the start of s.
func parseRelease(s string) (release, error) {
	m := releaseStart.FindStringSubmatch(s)
	if m == nil {
		return release{}, fmt.Errorf("%q is no kernel release, want one like 6.12.117", s)
	}
	var r release
	for _, n := range m[1:4] {
		if n != "" {
			r.numbers = append(r.numbers, number(n))
		}
	}
	r.rc = number(m[4])
	return r, nil
}

// number reads digits that an expression has already matched, "" being 0.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// compare tells whether r is before (-1), at (0) or after (1) the version b of
// a bound. Only what b names is compared: 7.3.4 is at 7.3, and so is 7.3-rc2,
// which differs from 7.3.4 only for a bound that names a release candidate.
func (r release) compare(b release) int {
	for i, want := range b.numbers {
		got := 0
		if i < len(r.numbers) {
			got = r.numbers[i]
		}
		if got != want {
			return cmp.Compare(got, want)
		}
	}
	if b.rc == 0 {
		return 0
	}
	if r.rc == 0 {
		return 1 // the release comes after its candidates
	}
	return cmp.Compare(r.rc, b.rc)
}

// releaseRange is a range of kernel releases: all its bounds must hold.
type releaseRange []struct {
	op string
	release
}

// parseRange reads bounds that are separated by white space: ">=6.12 <7.4". A
// bound without operator means "=".
func parseRange(s string) (releaseRange, error) {
	var out releaseRange
	for _, field := range strings.Fields(s) {
		m := bound.FindStringSubmatch(field)
		if m == nil {
			return nil, fmt.Errorf("%q in range %q is no bound, want one like >=6.12 or <7.4", field, s)
		}
		r, err := parseRelease(m[2])
		if err != nil {
			return nil, err
		}
		out = append(out, struct {
			op string
			release
		}{m[1], r})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("range %q is empty, want one like >=6.12 <7.4", s)
	}
	return out, nil
}

// contains reports whether all bounds hold for v.
func (rr releaseRange) contains(v release) bool {
	for _, b := range rr {
		c := v.compare(b.release)
		holds := map[string]bool{
			">=": c >= 0, "<=": c <= 0, ">": c > 0, "<": c < 0, "=": c == 0, "": c == 0,
		}[b.op]
		if !holds {
			return false
		}
	}
	return true
}

// Releases are ranges of kernel releases.
type Releases []releaseRange

// ParseReleases reads ranges (">=6.12 <7.4"), each of which is bounds that all must
// hold.
func ParseReleases(ranges []string) (Releases, error) {
	var all Releases
	for _, s := range ranges {
		r, err := parseRange(s)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// Contain reports whether the kernel release (as uname -r shows it) is in one of
// the ranges. One that cannot be read is in none.
func (rs Releases) Contain(release string) bool {
	v, err := parseRelease(release)
	return err == nil && slices.ContainsFunc(rs, func(r releaseRange) bool { return r.contains(v) })
}
