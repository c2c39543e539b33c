package kconfigs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A Version is a kernel series: VERSION and PATCHLEVEL of its Makefile.
type Version struct{ Major, Minor int }

// String returns the version as "6.12".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Compare returns -1, 0 or 1 as v is older than, the same as or newer than w.
func (v Version) Compare(w Version) int {
	switch {
	case v == w:
		return 0
	case v.Major < w.Major, v.Major == w.Major && v.Minor < w.Minor:
		return -1
	}
	return 1
}

var versionRE = regexp.MustCompile(`^([0-9]{1,4})\.([0-9]{1,4})(?:[.~+-].*)?$`)

// ParseVersion reads the series of a release: "6.12", "6.12.117-teardown" and
// "7.3-rc2" are of the series 6.12, 6.12 and 7.3.
func ParseVersion(release string) (Version, error) {
	m := versionRE.FindStringSubmatch(release)
	if m == nil {
		return Version{}, fmt.Errorf("%q is not a kernel version", release)
	}
	// At most four digits each: neither can overflow.
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return Version{major, minor}, nil
}

type bound struct {
	op string
	v  Version
}

// A constraint is a list of bounds that all must hold; empty, it always does.
type constraint []bound

var holds = map[string]func(cmp int) bool{
	">=": func(c int) bool { return c >= 0 },
	"<=": func(c int) bool { return c <= 0 },
	">":  func(c int) bool { return c > 0 },
	"<":  func(c int) bool { return c < 0 },
	"=":  func(c int) bool { return c == 0 },
}

func (c constraint) holds(v Version) bool {
	for _, b := range c {
		if !holds[b.op](v.Compare(b.v)) {
			return false
		}
	}
	return true
}

var boundRE = regexp.MustCompile(`^(>=|<=|>|<|=)([0-9]{1,4}\.[0-9]{1,4})$`)

func parseConstraint(s string) (constraint, error) {
	var c constraint
	for word := range strings.FieldsSeq(s) {
		m := boundRE.FindStringSubmatch(word)
		if m == nil {
			return nil, fmt.Errorf(`constraint %q: write bounds such as ">=6.12" or ">=6.1 <7.2"`, s)
		}
		v, err := ParseVersion(m[2])
		if err != nil {
			return nil, err
		}
		c = append(c, bound{m[1], v})
	}
	return c, nil
}
