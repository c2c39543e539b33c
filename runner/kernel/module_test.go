package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ownModule is where our own module is in a kernel's modules.
func ownModule(k Kernel) string {
	return filepath.Join(k.Modules, "lib/modules", k.Release, "updates/teardown.ko")
}

func TestModule(t *testing.T) {
	f := newFake(t)
	f.plant(t)
	line, err := f.getLine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := f.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]Kernel{"line": line, "tree": tree} {
		if _, err := os.Stat(ownModule(k)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := k.whole(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The symbols of a kernel that was just built are known.
	if n := f.calls(t, "KBUILD_MODPOST_WARN"); n != 0 {
		t.Errorf("%d modules were built without the kernel's symbols", n)
	}
}

// TestModuleChanged checks that only the module is built when nothing else
// changed: its entry is gone, and that of the bare kernel is there.
func TestModuleChanged(t *testing.T) {
	f := newFake(t)
	f.plant(t)
	first, err := f.getLine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Dir(first.Image)); err != nil {
		t.Fatal(err)
	}
	again, err := f.getLine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("kernel (-first +again):\n%s", diff)
	}
	if _, err := os.Stat(ownModule(again)); err != nil {
		t.Error(err)
	}
	if err := again.whole(); err != nil {
		t.Error(err)
	}
	got := []int{f.compiles(t), f.calls(t, " modules_prepare\n"), f.calls(t, " KBUILD_MODPOST_WARN=1\n")}
	if diff := cmp.Diff([]int{1, 1, 1}, got); diff != "" {
		t.Errorf("compilations of the kernel, preparations, modules without its symbols (-want +got):\n%s", diff)
	}
	assertEmpty(t, filepath.Join(f.cache, "builds"))
}

func TestModuleKey(t *testing.T) {
	hash := func(src fstest.MapFS) string {
		h, err := hashSource(src)
		if err != nil {
			t.Fatal(err)
		}
		return (&getter{module: h}).moduleKey("bare")
	}
	keys := map[string]bool{}
	for _, src := range []fstest.MapFS{
		{"Kbuild": {Data: []byte("obj-m := x.o")}, "x.c": {}},
		{"Kbuild": {Data: []byte("obj-m := x.o")}, "x.c": {Data: []byte("int x;")}},
		{"Kbuild": {Data: []byte("obj-m := x.o")}, "y.c": {Data: []byte("int x;")}},
	} {
		keys[hash(src)] = true
		if again := hash(src); !keys[again] {
			t.Error("the same source has two keys")
		}
	}
	if len(keys) != 3 {
		t.Errorf("%d keys of 3 sources", len(keys))
	}
}

func TestModuleError(t *testing.T) {
	f := newFake(t)
	f.plant(t)
	const first = "fail.c:7:1: error: expected ';'"
	broken := filepath.Join(f.bin, "fail-module")
	write(t, broken, first+"\nmake: *** [Makefile:1: all] Error 2\n", 0o600)
	for name, get := range map[string]func() (Kernel, error){
		"line": func() (Kernel, error) { return f.getLine(t.Context()) },
		"tree": func() (Kernel, error) { return f.get(t.Context()) },
	} {
		_, err := get()
		var failed *BuildError
		if !errors.As(err, &failed) || failed.First != first {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	before := f.compiles(t)
	if _, err := f.getLine(t.Context()); err != nil {
		t.Error(err)
	}
	if n := f.compiles(t) - before; n != 0 {
		t.Errorf("%d compilations of a kernel of which only the module had failed", n)
	}
}

// TestWriteSource checks that files which did not change are left alone, so
// that make has nothing to do.
func TestWriteSource(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "own")
	src := fstest.MapFS{"a.c": {Data: []byte("int a;")}, "b.c": {Data: []byte("int b;")}}
	if err := writeSource(src, dir); err != nil {
		t.Fatal(err)
	}
	long := time.Unix(1, 0)
	if err := os.Chtimes(filepath.Join(dir, "a.c"), long, long); err != nil {
		t.Fatal(err)
	}
	src["b.c"] = &fstest.MapFile{Data: []byte("int c;")}
	if err := writeSource(src, dir); err != nil {
		t.Fatal(err)
	}
	if !times(t, dir)[filepath.Join(dir, "a.c")].Equal(long) {
		t.Error("a.c was written again")
	}
	if text, err := os.ReadFile(filepath.Join(dir, "b.c")); err != nil || !strings.Contains(string(text), "int c;") {
		t.Errorf("b.c is %q, error %v", text, err)
	}
}
