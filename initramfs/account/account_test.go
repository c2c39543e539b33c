package account

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `allocinfo - version: 1.0
#     <size>  <calls> <tag info>
           0        0 net/core/dev.c:100 func:never
        4096        2 net/core/dev.c:11345 func:alloc_netdev_mqs
         128        1 net/core/dev.c:11400 func:alloc_netdev_mqs
         192        3 drivers/net/dummy.c:111 [dummy] func:dummy_dev_init
      123456       99 mm/slub.c:1 func:new_slab
        4096       16 net/core/skbuff.c:356 func:napi_skb_cache_get
`

func TestParse(t *testing.T) {
	want := Snapshot{
		{"net/core/dev.c", "alloc_netdev_mqs"}:    3,
		{"drivers/net/dummy.c", "dummy_dev_init"}: 3,
	}
	got, err := Parse(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("snapshot differs (-want +got):\n%s", diff)
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{"1 2 net/a.c:1\n", "1 x net/a.c:1 func:f\n"} {
		if _, err := Parse(strings.NewReader(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("Parse(%q) error = %v, want %v", text, err, ErrMalformed)
		}
	}
}

func TestTakeAbsent(t *testing.T) {
	if _, err := Take(filepath.Join(t.TempDir(), "allocinfo")); !errors.Is(err, ErrAbsent) {
		t.Errorf("Take() error = %v, want %v", err, ErrAbsent)
	}
}

func TestSince(t *testing.T) {
	a, b, c := Site{"net/a.c", "a"}, Site{"net/b.c", "b"}, Site{"net/c.c", "c"}
	before := Snapshot{a: 1, b: 5, c: 2}
	now := Snapshot{a: 2, b: 4, c: 5}
	want := []Growth{{c, 3}, {a, 1}}
	if diff := cmp.Diff(want, now.Since(before)); diff != "" {
		t.Errorf("growth differs (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("1 2 net/a.c:1 [m] func:f extra\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(strings.NewReader(text))
		if err == nil && len(s.Since(s)) != 0 {
			t.Errorf("a snapshot grew since itself")
		}
	})
}
