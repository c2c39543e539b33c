package verdict

import (
	"fmt"
	"strconv"
	"strings"
)

// Site is one place that an injector made fail, and what came of it. A sweep
// comes by most places more than once: those injections share a Site.
type Site struct {
	// Alloc names the functions that led to what was refused, the innermost
	// first: "fdb_create < br_fdb_change_mac_address < br_device_event". It is
	// empty where the injector did not show its stack.
	Alloc string `json:"alloc,omitempty"`
	// Exit is the exit of register_netdevice() by which the operation left;
	// empty where it left by none.
	Exit    string `json:"exit,omitempty"`
	Refused bool   `json:"refused,omitempty"` // the operation failed
	Count   int    `json:"count"`             // how many injections met the place
	// Injections are the numbers of those injections.
	Injections Numbers `json:"injections"`
}

// Numbers are positive numbers in the order in which they were added, as text
// with ranges: "3-5,9". A sweep has hundreds of injections, and most sites have
// neighbours.
type Numbers string

// AddSite notes that the injection with number n met the site s, whose Count and
// Injections are filled in.
func (c *Case) AddSite(n int, s Site) {
	for i := range c.Sites {
		t := &c.Sites[i]
		if t.Alloc == s.Alloc && t.Exit == s.Exit && t.Refused == s.Refused {
			t.Count++
			t.Injections = t.Injections.With(n)
			return
		}
	}
	s.Count, s.Injections = 1, Numbers("").With(n)
	c.Sites = append(c.Sites, s)
}

// SitesOf returns the sites that the injection with number n met: more than one
// in a case that sweeps more than one operation.
func (c *Case) SitesOf(n int) []Site {
	var sites []Site
	for _, s := range c.Sites {
		if s.Injections.Has(n) {
			sites = append(sites, s)
		}
	}
	return sites
}

// With returns the numbers with n, once.
func (ns Numbers) With(n int) Numbers {
	if ns.Has(n) {
		return ns
	}
	rest, last := "", string(ns)
	if i := strings.LastIndexByte(last, ','); i >= 0 {
		rest, last = last[:i+1], last[i+1:]
	}
	first, end, ok := bounds(last)
	switch {
	case ns == "":
		return Numbers(strconv.Itoa(n))
	case ok && end == n-1:
		return Numbers(fmt.Sprintf("%s%d-%d", rest, first, n))
	}
	return ns + Numbers(","+strconv.Itoa(n))
}

// Has reports whether n is among the numbers.
func (ns Numbers) Has(n int) bool {
	for part := range strings.SplitSeq(string(ns), ",") {
		if first, last, ok := bounds(part); ok && first <= n && n <= last {
			return true
		}
	}
	return false
}

// bounds reads "9" or "3-5".
func bounds(part string) (first, last int, ok bool) {
	a, b, ranged := strings.Cut(part, "-")
	if !ranged {
		b = a
	}
	first, err := strconv.Atoi(a)
	if err != nil {
		return 0, 0, false
	}
	last, err = strconv.Atoi(b)
	return first, last, err == nil
}
