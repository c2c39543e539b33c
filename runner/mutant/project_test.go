package mutant

import (
	"os"
	"path/filepath"
	"testing"

	"netdev.test/teardown/kconfigs"
)

// sourceOf returns the source tree of a kernel line in the cache, or skips the
// test.
func sourceOf(t *testing.T, line string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("reads kernel sources")
	}
	cache := os.Getenv("TEARDOWN_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			t.Skip(err)
		}
		cache = filepath.Join(dir, "teardown")
	}
	tree := filepath.Join(cache, "sources", line, "tree")
	if _, err := os.Stat(tree); err != nil {
		t.Skipf("no source of %s in the cache", line)
	}
	return tree
}

// project returns the mutants of the project.
func project(t *testing.T) Set {
	t.Helper()
	set, err := Load(os.DirFS("../../" + Folder))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Every mutant of the project finds its place on every line that it is for.
func TestProjectApplies(t *testing.T) {
	set := project(t)
	lines, err := kconfigs.Lines()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		t.Run(line.Name, func(t *testing.T) {
			tree := os.DirFS(sourceOf(t, line.Name))
			schemata, err := set.Switched().Apply(tree, line.Name)
			if err != nil {
				t.Fatal(err)
			}
			for id, err := range schemata.Refused {
				t.Errorf("%s: %v", id, err)
			}
			for i := range set {
				m := &set[i]
				if !m.Applies(line.Name) {
					continue
				}
				if text, err := m.Diff(tree, line.Name); err != nil || len(text) == 0 {
					t.Errorf("%s: diff %q (%v)", m.ID, text, err)
				}
			}
		})
	}
}

// Each mutant says which oracles should speak, and in which cases.
func TestProjectIsWhole(t *testing.T) {
	for _, m := range project(t) {
		if m.Run == "" || len(m.Oracles) == 0 {
			t.Errorf("%s: run or oracles is missing", m.ID)
		}
	}
}
