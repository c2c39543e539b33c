package kernel

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// realBuild builds a kernel into the default cache and logs the way there.
// TEARDOWN_TEST_PROFILE names a profile other than the default.
func realBuild(t *testing.T, r Request) Kernel {
	t.Helper()
	var step Step
	var told time.Duration
	show := func(p Progress) {
		if p.Step != step || p.Elapsed-told > 20*time.Second {
			t.Logf("%s %s %d/%d %s", p.Step, p.Detail, p.Done, p.Total, p.Elapsed.Round(time.Second))
			step, told = p.Step, p.Elapsed
		}
	}
	r.Profile = os.Getenv("TEARDOWN_TEST_PROFILE")
	began := time.Now()
	k, err := Get(t.Context(), r, Options{Progress: show})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ownModule(k)); err != nil {
		t.Errorf("our own module: %v", err)
	}
	t.Logf("%s %s in %s after %s", k.Source, k.Release, k.Image, time.Since(began).Round(time.Second))
	return k
}

// TestLines builds the lines named in TEARDOWN_TEST_LINES ("6.12 6.1") from
// the network. It takes minutes a line.
func TestLines(t *testing.T) {
	names := strings.Fields(os.Getenv("TEARDOWN_TEST_LINES"))
	if len(names) == 0 {
		t.Skip("builds kernels: set TEARDOWN_TEST_LINES to the lines to build")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if k := realBuild(t, Request{Line: name}); !strings.HasPrefix(k.Release, name+".") {
				t.Errorf("release %s is not of line %s", k.Release, name)
			}
		})
	}
}

// TestRealTree builds the tree in TEARDOWN_TEST_TREE and checks that nothing
// in it was written.
func TestRealTree(t *testing.T) {
	dir := os.Getenv("TEARDOWN_TEST_TREE")
	if dir == "" {
		t.Skip("builds a kernel: set TEARDOWN_TEST_TREE to a kernel tree")
	}
	before := times(t, dir)
	realBuild(t, Request{Tree: dir})
	if d := cmp.Diff(before, times(t, dir)); d != "" {
		t.Errorf("the tree was written to (-before +after):\n%s", d)
	}
}

// times returns the time of change of every file and folder below dir.
func times(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	all := map[string]time.Time{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			all[path] = info.ModTime()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
