// Package account reads how much each place in the kernel's source has allocated
// and not freed, where the kernel keeps that account (CONFIG_MEM_ALLOC_PROFILING,
// from 6.10 on; Documentation/mm/allocation-profiling.rst). It sees at once, and
// without scanning, also what something still points to.
package account

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Path is the account (lib/alloc_tag.c).
const Path = "/proc/allocinfo"

// The reasons why there is no account.
var (
	ErrAbsent    = errors.New("the kernel keeps no account of allocations: CONFIG_MEM_ALLOC_PROFILING came with 6.10")
	ErrMalformed = errors.New("malformed line")
)

// Site is one place that allocates.
type Site struct {
	File     string // in the kernel tree, as net/core/dev.c
	Function string
}

// String names the site as function (file).
func (s Site) String() string { return fmt.Sprintf("%s (%s)", s.Function, s.File) }

// A Snapshot is how many allocations each site had at one moment. A site that had
// none is not in it.
type Snapshot map[Site]int64

// scopes are the folders whose sites are looked at: what the rest of the kernel
// allocates comes and goes with the test's own files and memory.
var scopes = []string{"net/", "drivers/net/"}

// pools are sites that fill a cache of each processor for whoever comes next: how
// much it holds says nothing of a device (struct napi_alloc_cache in
// net/core/skbuff.c).
var pools = []Site{
	{"net/core/skbuff.c", "napi_skb_cache_get"},
	{"net/core/skbuff.c", "napi_skb_cache_get_bulk"},
	{"net/core/skbuff.c", "page_frag_alloc_1k"},
}

// Take reads the account at path.
func Take(path string) (Snapshot, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrAbsent
	}
	if err != nil {
		return nil, fmt.Errorf("read the account of allocations: %w", err)
	}
	defer f.Close()
	return Parse(f)
}

// Parse reads an account: after comments, lines such as
//
//	12345       67 net/core/dev.c:11345 func:alloc_netdev_mqs
//
// with bytes, allocations, perhaps a module in brackets before func:, and
// perhaps more after it.
func Parse(r io.Reader) (Snapshot, error) {
	snapshot := Snapshot{}
	s := bufio.NewScanner(r)
	for s.Scan() {
		fields := strings.Fields(s.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") || fields[0] == "allocinfo" {
			continue
		}
		if len(fields) < 4 {
			return nil, fmt.Errorf("%w: %q", ErrMalformed, s.Text())
		}
		calls, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", ErrMalformed, s.Text(), err)
		}
		file, _, _ := strings.Cut(fields[2], ":")
		file = strings.TrimPrefix(file, "./")
		site := Site{file, functionOf(fields[3:])}
		if calls != 0 && inScope(file) && !slices.Contains(pools, site) {
			snapshot[site] += calls
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read the account of allocations: %w", err)
	}
	return snapshot, nil
}

func inScope(file string) bool {
	return slices.ContainsFunc(scopes, func(dir string) bool { return strings.HasPrefix(file, dir) })
}

func functionOf(fields []string) string {
	for _, f := range fields {
		if name, ok := strings.CutPrefix(f, "func:"); ok {
			return name
		}
	}
	return "?"
}

// A Growth is how many allocations a site has more than before.
type Growth struct {
	Site Site
	More int64
}

// Since returns the sites that have more allocations than before, those with the
// most first.
func (s Snapshot) Since(before Snapshot) []Growth {
	var grown []Growth
	for site, n := range s {
		if more := n - before[site]; more > 0 {
			grown = append(grown, Growth{site, more})
		}
	}
	slices.SortFunc(grown, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.More, a.More), cmp.Compare(a.Site.File, b.Site.File), cmp.Compare(a.Site.Function, b.Site.Function))
	})
	return grown
}
