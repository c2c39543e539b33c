package fault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// slabs makes a folder as /sys/kernel/slab is: for each cache its attribute.
func slabs(t *testing.T, attributes map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range attributes {
		cache := filepath.Join(dir, name)
		if err := os.Mkdir(cache, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(cache, "failslab"), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFilterCaches(t *testing.T) {
	dir := slabs(t, map[string]string{
		"kmalloc-64": "0\n", "skbuff_head_cache": "1\n", "kmemleak_object": "1\n", "kmemleak_scan_area": "0\n",
	})
	debugfs := t.TempDir()
	if err := os.Mkdir(filepath.Join(debugfs, "failslab"), 0o700); err != nil {
		t.Fatal(err)
	}
	filter := filepath.Join(debugfs, "failslab/cache-filter")
	if err := os.WriteFile(filter, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := filterCaches(debugfs, dir); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"filter": content(t, filter)}
	for _, cache := range []string{"kmalloc-64", "skbuff_head_cache", "kmemleak_object", "kmemleak_scan_area"} {
		got[cache] = content(t, filepath.Join(dir, cache, "failslab"))
	}
	want := map[string]string{
		"filter": "Y", "kmalloc-64": "1", "skbuff_head_cache": "1", "kmemleak_object": "0", "kmemleak_scan_area": "0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
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

func TestFilterCachesErrors(t *testing.T) {
	if err := filterCaches(t.TempDir(), filepath.Join(t.TempDir(), "absent")); err == nil || !strings.Contains(err.Error(), "list slab caches") {
		t.Errorf("no slab caches: %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "kmalloc-64"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := filterCaches(t.TempDir(), dir); err == nil || !strings.Contains(err.Error(), "admit cache kmalloc-64 to failslab") {
		t.Errorf("a cache without the attribute: %v", err)
	}
}
