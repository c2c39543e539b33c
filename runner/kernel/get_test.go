package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"netdev.test/teardown/kconfigs"
)

// write puts a file into a folder that may not exist yet.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// writeTree makes what counts as a kernel tree: a Makefile with a version, a
// merge_config.sh and a Kconfig that defines every symbol of the profiles.
func writeTree(t *testing.T, dir string) {
	t.Helper()
	var kconfig strings.Builder
	profiles, err := kconfigs.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range profiles {
		names, err := p.For(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			f, err := kconfigs.LoadFragment(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range f.Options {
				fmt.Fprintf(&kconfig, "config %s\n\tbool\n", strings.TrimPrefix(o.Symbol, "CONFIG_"))
			}
		}
	}
	write(t, filepath.Join(dir, "Makefile"), "# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\nEXTRAVERSION =\n", 0o600)
	write(t, filepath.Join(dir, "Kconfig"), kconfig.String(), 0o600)
	write(t, filepath.Join(dir, "scripts/kconfig/merge_config.sh"), "shift\nout=$1\nshift\ncat \"$@\" >>\"$out\"\n", 0o600)
	write(t, filepath.Join(dir, "init/main.c"), "int main;\n", 0o600)
}

// A fake is a toolchain that stands in for the real one, and a cache.
type fake struct {
	bin, cache, tree string
}

func newFake(t *testing.T) fake {
	t.Helper()
	f := fake{bin: t.TempDir(), cache: t.TempDir(), tree: filepath.Join(t.TempDir(), "linux")}
	script, err := os.ReadFile("testdata/make")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(f.bin, "make"), string(script), 0o700)
	for _, tool := range []string{"gcc", "ld"} {
		write(t, filepath.Join(f.bin, tool), "#!/bin/sh\necho "+tool+" 1.0\n", 0o700)
	}
	write(t, filepath.Join(f.bin, "image"), string(testImage(testRelease)), 0o600)
	write(t, filepath.Join(f.bin, "release"), testRelease, 0o600)
	writeTree(t, f.tree)
	t.Setenv("PATH", f.bin+":"+os.Getenv("PATH"))
	return f
}

func (f fake) get(ctx context.Context) (Kernel, error) {
	return Get(ctx, Request{Tree: f.tree}, Options{CacheDir: f.cache})
}

// compiles returns how often the image was built.
func (f fake) compiles(t *testing.T) int {
	t.Helper()
	return f.calls(t, " bzImage modules\n")
}

// calls returns how often make was called with something in its arguments.
func (f fake) calls(t *testing.T, with string) int {
	t.Helper()
	calls, err := os.ReadFile(filepath.Join(f.bin, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(calls), with)
}

// plant puts a source of line 6.12 into the cache, so that no network is asked.
func (f fake) plant(t *testing.T) {
	t.Helper()
	dir := filepath.Join(f.cache, "sources/6.12")
	writeTree(t, filepath.Join(dir, "tree"))
	write(t, filepath.Join(dir, sourceFile), `{"id":"test","about":"a test"}`, 0o600)
}

func (f fake) getLine(ctx context.Context) (Kernel, error) {
	return Get(ctx, Request{Line: "6.12"}, Options{CacheDir: f.cache})
}

func wantInputError(t *testing.T, r Request, want string) {
	t.Helper()
	_, err := Get(t.Context(), r, Options{CacheDir: t.TempDir()})
	var input *InputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want an InputError of one line with %q", err, want)
	}
}

func TestRequest(t *testing.T) {
	newFake(t)
	empty := t.TempDir()
	tests := []struct {
		name string
		r    Request
		want string
	}{
		{"two sources", Request{Line: "6.12", Tree: "x"}, "exclude each other"},
		{"modules alone", Request{Modules: "x"}, "--modules goes with --image"},
		{"image with profile", Request{Image: "x", Profile: "leak"}, "cannot change it"},
		{"unknown line", Request{Line: "6.13"}, `no kernel line "6.13": choose one of 5.10, 6.1`},
		{"unknown profile", Request{Line: "6.12", Profile: "x"}, `no profile "x": choose one of leak`},
		{"unknown fragment", Request{Line: "6.12", Fragments: []string{"x"}}, `no fragment "x": choose one of account, base`},
		{"absent tree", Request{Tree: empty + "/none"}, "no such file or directory: give the top folder of a kernel tree"},
		{"tree without Makefile", Request{Tree: empty}, "no Makefile in it: give the top folder of a kernel tree"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantInputError(t, tt.r, tt.want) })
	}
}

func TestTree(t *testing.T) {
	f := newFake(t)
	k, err := f.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if k.Line != "" || k.Release != testRelease || k.Profile != "leak" || k.ConfigHash == "" || len(k.Asked) == 0 {
		t.Errorf("kernel %+v", k)
	}
	if _, err := os.Lstat(filepath.Join(k.Modules, "lib/modules", testRelease, "build")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link to the build is still there: %v", err)
	}
	again, err := f.get(t.Context())
	if err != nil || again.Image != k.Image {
		t.Errorf("the same tree gave %s, then %s (%v)", k.Image, again.Image, err)
	}
	// make is asked each time: only it can tell what an edit changes.
	if n := f.compiles(t); n != 2 {
		t.Errorf("%d compilations", n)
	}
	write(t, filepath.Join(f.bin, "image"), string(testImage(testRelease))+"edited", 0o600)
	if edited, err := f.get(t.Context()); err != nil || edited.Image == k.Image {
		t.Errorf("another content gave the same entry %s (%v)", edited.Image, err)
	}
	assertEmpty(t, filepath.Join(f.cache, "tmp"))
}

func TestPrune(t *testing.T) {
	f := newFake(t)
	var last Kernel
	for i := range keptOfTree + 2 {
		write(t, filepath.Join(f.bin, "image"), string(testImage(testRelease))+strings.Repeat("x", i), 0o600)
		var err error
		if last, err = f.get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(entries(f.cache)); n != keptOfTree {
		t.Errorf("%d kernels of one tree, want %d", n, keptOfTree)
	}
	if err := last.whole(); err != nil {
		t.Errorf("the newest: %v", err)
	}
}

func TestLineIsCached(t *testing.T) {
	f := newFake(t)
	f.plant(t)
	k, err := f.getLine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if k.Source != "a test" || k.Line != "6.12" {
		t.Errorf("kernel %+v", k)
	}
	if again, err := f.getLine(t.Context()); err != nil || again.Image != k.Image {
		t.Errorf("kernel %+v, error %v", again, err)
	}
	if n := f.compiles(t); n != 1 {
		t.Errorf("%d compilations of an unchanged line", n)
	}
	assertEmpty(t, filepath.Join(f.cache, "builds"))
	write(t, filepath.Join(f.bin, "gcc"), "#!/bin/sh\necho gcc 2.0\n", 0o700)
	if other, err := f.getLine(t.Context()); err != nil || other.Image == k.Image {
		t.Errorf("another compiler gave the same kernel (%v)", err)
	}
}

// TestDamagedEntry checks that an entry of the cache which is not what was put
// there is built again: of the bare kernel, if that is whole.
func TestDamagedEntry(t *testing.T) {
	tests := []struct {
		name   string
		damage func(dir string) error
	}{
		{"image cut short", func(dir string) error { return os.Truncate(dir+"/bzImage", 600) }},
		{"image changed", func(dir string) error {
			return os.WriteFile(dir+"/bzImage", append(testImage("6.12.118")[:1087], 1), 0o600)
		}},
		{"image gone", func(dir string) error { return os.Remove(dir + "/bzImage") }},
		{"module cut short", func(dir string) error {
			return os.Truncate(dir+"/modules/lib/modules/"+testRelease+"/kernel/dummy.ko", 0)
		}},
		{"module gone", func(dir string) error { return os.RemoveAll(dir + "/modules/lib/modules") }},
		{"kernel.json cut short", func(dir string) error { return os.Truncate(dir+"/kernel.json", 20) }},
		{"kernel.json leads out", func(dir string) error {
			return os.WriteFile(dir+"/kernel.json", []byte(`{"files":{"bzImage":{},"../../ready.json":{}}}`), 0o600)
		}},
		{"kernel.json gone", func(dir string) error { return os.Remove(dir + "/kernel.json") }},
	}
	for _, tt := range tests {
		for compiles, which := range map[int]string{1: "with our module", 2: "bare too"} {
			t.Run(tt.name+", "+which, func(t *testing.T) {
				f := newFake(t)
				f.plant(t)
				k, err := f.getLine(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				dirs := []string{filepath.Dir(k.Image)}
				if compiles == 2 {
					dirs, err = filepath.Glob(filepath.Join(f.cache, "kernels/*"))
				}
				if err != nil || len(dirs) != compiles {
					t.Fatalf("entries %v, error %v", dirs, err)
				}
				for _, dir := range dirs {
					if err := tt.damage(dir); err != nil {
						t.Fatal(err)
					}
				}
				again, err := f.getLine(t.Context())
				if err != nil || again.Image != k.Image {
					t.Fatalf("kernel %+v, error %v", again, err)
				}
				if n := f.compiles(t); n != compiles {
					t.Errorf("%d compilations", n)
				}
				if err := again.whole(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestDroppedSymbol(t *testing.T) {
	f := newFake(t)
	write(t, filepath.Join(f.bin, "drop"), "CONFIG_VETH", 0o600)
	_, err := f.get(t.Context())
	var input *InputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), "dropped what its fragments ask for: dev-basic.config:5: asked CONFIG_VETH=y, got # CONFIG_VETH is not set") {
		t.Errorf("error %v", err)
	}
	// The folder is fit to be built on once the fragment is corrected.
	if err := os.Remove(filepath.Join(f.bin, "drop")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.get(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUnknownSymbol(t *testing.T) {
	f := newFake(t)
	mine := filepath.Join(t.TempDir(), "mine.config")
	write(t, mine, "# comment\n# CONFIG_NO_SUCH is not set\n", 0o600)
	_, err := Get(t.Context(), Request{Tree: f.tree, Fragments: []string{mine}}, Options{CacheDir: f.cache})
	var input *InputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), mine+":2: tree "+f.tree+" has no symbol CONFIG_NO_SUCH") {
		t.Errorf("error %v", err)
	}
}

func TestCompileError(t *testing.T) {
	f := newFake(t)
	write(t, filepath.Join(f.bin, "fail"), "net/core/dev.c:7:1: error: expected ';'\nmake: *** [Makefile:1: all] Error 2\n", 0o600)
	_, err := f.get(t.Context())
	var failed *BuildError
	if !errors.As(err, &failed) {
		t.Fatalf("error %v", err)
	}
	if failed.First != "net/core/dev.c:7:1: error: expected ';'" {
		t.Errorf("first error %q", failed.First)
	}
	log, err := os.ReadFile(failed.Log)
	if err != nil || !strings.Contains(string(log), "Makefile:1: all") {
		t.Errorf("log %q, error %v", log, err)
	}
	assertEmpty(t, filepath.Join(f.cache, "kernels"))
}

func TestDiskFull(t *testing.T) {
	f := newFake(t)
	write(t, filepath.Join(f.bin, "fail"), "a.c:1:1: error: closing a.o\nas: a.o: No space left on device\n", 0o600)
	_, err := f.get(t.Context())
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "set TEARDOWN_CACHE to a folder on another disk") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	for _, dir := range []string{"builds", "kernels", "tmp"} {
		assertEmpty(t, filepath.Join(f.cache, dir))
	}
	if err := diskFull(fmt.Errorf("write: %w", syscall.ENOSPC), f.cache); !errors.Is(err, ErrDiskFull) {
		t.Errorf("ENOSPC: %v", err)
	}
}

// TestInterrupted ends the context while make runs: make and its children are
// gone when Get returns, and the next call builds.
func TestInterrupted(t *testing.T) {
	f := newFake(t)
	fifo := filepath.Join(f.bin, "block")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var once sync.Once
	_, err := Get(ctx, Request{Tree: f.tree}, Options{CacheDir: f.cache, Progress: func(p Progress) {
		if p.Step == StepCompile && p.Done > 0 {
			once.Do(cancel)
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	// Without a reader left, opening the FIFO for writing fails at once.
	if fd, err := syscall.Open(fifo, syscall.O_WRONLY|syscall.O_NONBLOCK, 0); !errors.Is(err, syscall.ENXIO) {
		_ = syscall.Close(fd)
		t.Errorf("a child of make still reads: %v", err)
	}
	assertEmpty(t, filepath.Join(f.cache, "kernels"))
	if err := os.Remove(fifo); err != nil {
		t.Fatal(err)
	}
	if _, err := f.get(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestKilledBuild checks that a folder in which make was killed begins anew.
func TestKilledBuild(t *testing.T) {
	f := newFake(t)
	if _, err := f.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(f.cache, "builds/tree-*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("build folders %v, error %v", folders, err)
	}
	write(t, filepath.Join(folders[0], runningMark), "", 0o600)
	half := filepath.Join(folders[0], "out/half.o")
	write(t, half, "cut", 0o600)
	if _, err := f.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed make left was built on: %v", err)
	}
}

func TestTwoAtOnce(t *testing.T) {
	f := newFake(t)
	f.plant(t)
	var wg sync.WaitGroup
	var kernels [4]Kernel
	var errs [4]error
	for i := range kernels {
		wg.Go(func() { kernels[i], errs[i] = f.getLine(t.Context()) })
	}
	wg.Wait()
	for i := range kernels {
		if errs[i] != nil || kernels[i].Image != kernels[0].Image {
			t.Errorf("run %d: %+v, error %v", i, kernels[i], errs[i])
		}
	}
	if n := f.compiles(t); n != 1 {
		t.Errorf("%d compilations for %d runs at once", n, len(kernels))
	}
}

// TestBuiltInPlace checks that a tree which was built in place is built from a
// private copy, that edits get there, and that the tree is left alone.
func TestBuiltInPlace(t *testing.T) {
	f := newFake(t)
	write(t, filepath.Join(f.tree, ".config"), "CONFIG_X=y\n", 0o600)
	wantInputError(t, Request{Tree: f.tree}, `was built in place and is no git repository`)

	write(t, filepath.Join(f.tree, ".gitignore"), "*.o\n.config\n", 0o600)
	write(t, filepath.Join(f.tree, "init/main.o"), "object", 0o600)
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}} {
		if out, err := exec.Command("git", append([]string{"-C", f.tree}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	if _, err := f.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	copies, err := filepath.Glob(filepath.Join(f.cache, "builds/tree-*/src"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies %v, error %v", copies, err)
	}
	for name, want := range map[string]bool{"init/main.c": true, "init/main.o": false, ".config": false} {
		if _, err := os.Stat(filepath.Join(copies[0], name)); (err == nil) != want {
			t.Errorf("%s in the copy: %v, want %v", name, err == nil, want)
		}
	}
	write(t, filepath.Join(f.tree, "init/main.c"), "int changed;\n", 0o600)
	write(t, filepath.Join(f.tree, "init/new.c"), "int new;\n", 0o600)
	if err := os.Remove(filepath.Join(f.tree, ".gitignore")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(f.tree, ".git/info/exclude"), "*.o\n.config\n", 0o600)
	if _, err := f.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"init/main.c": "int changed;\n", "init/new.c": "int new;\n", ".gitignore": ""} {
		if got, _ := os.ReadFile(filepath.Join(copies[0], name)); string(got) != want {
			t.Errorf("%s in the copy is %q, want %q", name, got, want)
		}
	}
}

func TestReady(t *testing.T) {
	f := newFake(t)
	f.plant(t)
	t.Setenv("TEARDOWN_CACHE", f.cache)
	t.Setenv("TEARDOWN_KERNEL", "")
	if _, err := LoadReady(); !errors.Is(err, ErrNotReady) || !strings.HasSuffix(err.Error(), "go run ./runner run -y") {
		t.Errorf("error %v", err)
	}
	k, err := f.getLine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := SaveReady(Ready{Kernel: k}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "6.12", filepath.Join(filepath.Dir(k.Image), entryFile)} {
		t.Setenv("TEARDOWN_KERNEL", name)
		if r, err := LoadReady(); err != nil || r.Kernel.Image != k.Image {
			t.Errorf("TEARDOWN_KERNEL=%s: %+v, error %v", name, r, err)
		}
	}
	t.Setenv("TEARDOWN_KERNEL", "6.1")
	if _, err := LoadReady(); !errors.Is(err, ErrNotReady) || !strings.HasSuffix(err.Error(), "go run ./runner run -y --kernel 6.1 --profile leak") {
		t.Errorf("error %v", err)
	}
	t.Setenv("TEARDOWN_KERNEL", "")
	if err := os.Truncate(k.Image, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadReady(); !errors.Is(err, ErrNotReady) || !strings.HasSuffix(err.Error(), "go run ./runner run -y") {
		t.Errorf("a damaged kernel was ready: %v", err)
	}
}
