package fault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// slabDir makes a folder as /sys/kernel/slab is: for each cache its attribute failslab.
func slabDir(t *testing.T, attributes map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range attributes {
		addCache(t, dir, name, value)
	}
	return dir
}

func addCache(t *testing.T, dir, name, failslab string) {
	t.Helper()
	cache := filepath.Join(dir, name)
	if err := os.Mkdir(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, value := range map[string]string{"failslab": failslab, "min_partial": "5\n"} {
		if err := os.WriteFile(filepath.Join(cache, file), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// debugDir is a debugfs with the filter of failslab, and returns both.
func debugDir(t *testing.T) (dir, filter string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "failslab"), 0o700); err != nil {
		t.Fatal(err)
	}
	filter = filepath.Join(dir, "failslab/cache-filter")
	if err := os.WriteFile(filter, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, filter
}

func TestPrepareCaches(t *testing.T) {
	dir := slabDir(t, map[string]string{
		"kmalloc-64": "0\n", "skbuff_head_cache": "1\n", "kmemleak_object": "1\n", "kmemleak_scan_area": "0\n", "radix_tree_node": "1\n",
	})
	debugfs, filter := debugDir(t)
	var s slabCaches
	prepare := func(change func()) map[string]string {
		change()
		if err := s.prepare(debugfs, dir); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{"filter": content(t, filter)}
		for cache := range s.met {
			got[cache] = content(t, filepath.Join(dir, cache, "failslab")) + " " + content(t, filepath.Join(dir, cache, "min_partial"))
		}
		return got
	}
	want := map[string]string{
		"filter": "Y", "kmalloc-64": "1 1000000", "skbuff_head_cache": "1 1000000",
		"kmemleak_object": "0 1000000", "kmemleak_scan_area": "0 1000000", "radix_tree_node": "0 1000000",
	}
	if diff := cmp.Diff(want, prepare(func() {})); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	// One that comes, and one that came again, are prepared too.
	want["wg_peer"], want["kmalloc-64"] = "1 1000000", "1 1000000"
	got := prepare(func() {
		addCache(t, dir, "wg_peer", "0\n")
		old := filepath.Join(dir, "kmalloc-64")
		if err := os.Rename(old, filepath.Join(t.TempDir(), "gone")); err != nil { // its inode is not used again
			t.Fatal(err)
		}
		addCache(t, dir, "kmalloc-64", "0\n")
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes a second time (-want +got):\n%s", diff)
	}
}

func content(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestPrepareCachesErrors(t *testing.T) {
	debugfs, _ := debugDir(t)
	var s slabCaches
	if err := s.prepare(debugfs, filepath.Join(t.TempDir(), "absent")); err == nil || !strings.Contains(err.Error(), "list slab caches") {
		t.Errorf("no slab caches: %v", err)
	}
	for _, attribute := range []string{"failslab", "min_partial"} {
		dir := slabDir(t, map[string]string{"kmalloc-64": "0\n"})
		if err := os.Remove(filepath.Join(dir, "kmalloc-64", attribute)); err != nil {
			t.Fatal(err)
		}
		// Only the kernel's file systems do not make one that is written to.
		if err := os.Mkdir(filepath.Join(dir, "kmalloc-64/min_partial"), 0o700); attribute == "min_partial" && err != nil {
			t.Fatal(err)
		}
		if err := s.prepare(debugfs, dir); err == nil || !strings.Contains(err.Error(), "prepare slab cache kmalloc-64") {
			t.Errorf("a cache without %s: %v", attribute, err)
		}
	}
}
