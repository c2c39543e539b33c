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
		t.Skip("reads whole kernel sources")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	if dir := os.Getenv("TEARDOWN_CACHE"); dir != "" {
		cache = filepath.Dir(dir)
	}
	tree := filepath.Join(cache, "teardown", "sources", line, "tree")
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
			schemata, err := set.Apply(os.DirFS(sourceOf(t, line.Name)), line.Name)
			if err != nil {
				t.Fatal(err)
			}
			for id, err := range schemata.Refused {
				t.Errorf("%s: %v", id, err)
			}
			t.Logf("%d mutants, %d files", len(schemata.In), len(schemata.Files))
			if dir := os.Getenv("TEARDOWN_MUTANTS_OUT"); dir != "" {
				for name, text := range schemata.Files {
					path := filepath.Join(dir, line.Name, name)
					if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, text, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}
