package image

import (
	"context"
	"debug/elf"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/u-root/mkuimage/cpio"
)

// unpack reads the archives of an image as the kernel does, one behind the
// other, and returns the content of its regular files.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for off := int64(0); off < fi.Size(); {
		next := make([]byte, 1)
		if _, err := f.ReadAt(next, off); err != nil {
			t.Fatal(err)
		}
		if next[0] == 0 { // between two archives
			off++
			continue
		}
		in := &position{r: io.NewSectionReader(f, off, fi.Size()-off)}
		records, err := cpio.ReadAllRecords(cpio.Newc.Reader(in))
		if err != nil {
			t.Fatalf("archive at %d: %v", off, err)
		}
		seen := map[string]bool{".": true}
		for _, r := range records {
			if !seen[filepath.Dir(r.Name)] {
				t.Errorf("%s comes before its folder", r.Name)
			}
			seen[r.Name] = true
			var content []byte
			if r.ReaderAt != nil {
				if content, err = io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize))); err != nil {
					t.Fatal(err)
				}
			}
			files[r.Name] = string(content)
		}
		off += in.end
	}
	return files
}

// position remembers how far a reader came.
type position struct {
	r   io.ReaderAt
	end int64
}

func (p *position) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.r.ReadAt(b, off)
	p.end = max(p.end, off+int64(n))
	return n, err
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fakeBase puts a small archive where the base of this source is looked for.
func fakeBase(t *testing.T, cache string) {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	key, err := baseKey(root)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, folder, prefix+key+suffix)
	write(t, path, "")
	err = replace(path, func(f *os.File) error {
		w := cpio.Newc.Writer(f)
		rec := cpio.StaticFile("init", "odd", 0o755)
		return errors.Join(w.WriteRecord(rec), cpio.WriteTrailer(w), pad(f, 600))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// pad makes f at least as long as an archive is.
func pad(f *os.File, size int64) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	return f.Truncate(max(size, fi.Size()))
}

func TestBuild(t *testing.T) {
	dir := t.TempDir()
	c := Config{
		Binary:  write(t, filepath.Join(dir, "tests.test"), "#!a test binary"),
		Modules: filepath.Join(dir, "mods"),
		Asked:   []string{"CONFIG_A=y", "# CONFIG_B is not set"},
		Cache:   filepath.Join(dir, "cache"),
	}
	write(t, filepath.Join(dir, "mods/lib/modules/6.12/kernel/a.ko"), "module")
	write(t, filepath.Join(dir, "mods/lib/modules/6.12/modules.dep"), "kernel/a.ko:")
	write(t, filepath.Join(dir, "mods/lib/modules/6.12/modules.alias"), "left out")
	fakeBase(t, c.Cache)
	first := build(t, c)
	want := map[string]string{
		"init":                         "odd",
		"teardown":                     "",
		"teardown/tests.test":          "#!a test binary",
		"teardown/config-asked":        "CONFIG_A=y\n# CONFIG_B is not set\n",
		"lib":                          "",
		"lib/modules":                  "",
		"lib/modules/6.12":             "",
		"lib/modules/6.12/kernel":      "",
		"lib/modules/6.12/kernel/a.ko": "module",
		"lib/modules/6.12/modules.dep": "kernel/a.ko:",
	}
	if diff := cmp.Diff(want, unpack(t, first)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := build(t, c); again != first {
		t.Errorf("built again: %s, %s", first, again)
	}
	if err := os.Truncate(first, 700); err != nil {
		t.Fatal(err)
	}
	if build(t, c); !whole(first) {
		t.Error("an image that was cut short is used")
	}
	write(t, c.Binary, "#!another one")
	if other := build(t, c); other == first {
		t.Error("the same image for another test binary")
	}
	c.Asked = nil
	if got := unpack(t, build(t, c))["teardown/config-asked"]; got != "" {
		t.Errorf("asked: %q", got)
	}
}

func build(t *testing.T, c Config) string {
	t.Helper()
	c.Building = func() { t.Error("the base is built") }
	path, err := Build(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBuildFails(t *testing.T) {
	dir := t.TempDir()
	binary := write(t, filepath.Join(dir, "binary"), "")
	fakeBase(t, dir)
	tests := []struct {
		name string
		c    Config
		want string
	}{
		{"no binary", Config{Binary: filepath.Join(dir, "missing")}, "missing"},
		{"a folder", Config{Binary: dir}, "not a regular file"},
		{"no modules", Config{Binary: binary, Modules: filepath.Join(dir, "none")}, "none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.c.Cache = dir
			_, err := Build(t.Context(), test.c)
			if err == nil || !strings.HasPrefix(err.Error(), "image: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestBuildElsewhere(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := Build(t.Context(), Config{Cache: t.TempDir()}); !errors.Is(err, ErrNoModule) {
		t.Errorf("%v, want %v", err, ErrNoModule)
	}
}

func TestNoGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Build(t.Context(), Config{Cache: t.TempDir()}); !errors.Is(err, ErrNoGo) {
		t.Errorf("%v, want %v", err, ErrNoGo)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, Config{Cache: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}

// The base has u-root's init, the supervisor and nothing that would run in
// their place. Of two who want it one builds it.
func TestBase(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles u-root")
	}
	dir := t.TempDir()
	var built atomic.Int32
	var group sync.WaitGroup
	paths := make([]string, 2)
	for i := range paths {
		group.Go(func() {
			var err error
			if paths[i], err = buildBase(t.Context(), dir, func() { built.Add(1) }); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	if built.Load() != 1 || paths[0] != paths[1] {
		t.Errorf("built %d times: %v", built.Load(), paths)
	}
	files := unpack(t, paths[0])
	for _, name := range []string{"init", "bbin/init", "bbin/gosh", "dev/console"} {
		if _, ok := files[name]; !ok {
			t.Errorf("no %s", name)
		}
	}
}

// The base is built anew when a source of the supervisor changes.
func TestSources(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{.ImportPath}} {{.EmbedFiles}}{{end}}", supervisor)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var deps []string
	for line := range strings.Lines(string(out)) {
		pkg, embedded, _ := strings.Cut(strings.TrimSpace(line), " ")
		if rel, ok := strings.CutPrefix(pkg, goModule+"/"); ok {
			deps = append(deps, rel)
			if embedded != "[]" {
				t.Errorf("%s embeds %s, which baseKey does not know of", pkg, embedded)
			}
		}
	}
	slices.Sort(deps)
	if diff := cmp.Diff(sources, deps); diff != "" {
		t.Errorf("sources (-base +go list):\n%s", diff)
	}
}

// tools.go keeps what commands.go needs.
func TestTools(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "tools.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		imports = append(imports, path)
	}
	want := slices.DeleteFunc(commands(), func(p string) bool { return p == supervisor })
	if diff := cmp.Diff(want, imports); diff != "" {
		t.Errorf("(-commands.go +tools.go):\n%s", diff)
	}
}

// A test binary that is linked dynamically finds its libraries.
func TestLibraries(t *testing.T) {
	const dynamic = "/bin/sh"
	f, err := elf.Open(dynamic)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil || len(needed) == 0 {
		t.Fatalf("%s is no longer an example: %v, %v", dynamic, needed, err)
	}
	libs, err := libraries(dynamic)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range libs {
		r, size, err := l.open()
		if err != nil || size == 0 {
			t.Errorf("%s: %d bytes, %v", l.name, size, err)
			continue
		}
		r.Close()
		names = append(names, filepath.Base(l.name))
	}
	for _, name := range needed {
		if !slices.Contains(names, name) {
			t.Errorf("no %s in %v", name, names)
		}
	}
	if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "ld-") }) {
		t.Errorf("no dynamic linker in %v", names)
	}
}

func TestWhole(t *testing.T) {
	dir := t.TempDir()
	trailer := strings.Repeat("x", align) + cpio.Trailer
	tests := []struct {
		content string
		want    bool
	}{
		{trailer, true},
		{trailer + strings.Repeat("\x00", 100), true},
		{trailer[:len(trailer)-1], false},
		{trailer + "x", false},
		{cpio.Trailer, false}, // shorter than any archive
		{"", false},
	}
	for i, test := range tests {
		if got := whole(write(t, filepath.Join(dir, strconv.Itoa(i)), test.content)); got != test.want {
			t.Errorf("%q: %v", test.content, got)
		}
	}
	if whole(filepath.Join(dir, "missing")) {
		t.Error("a missing file is whole")
	}
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * keep)
	for name, age := range map[string]time.Time{
		"used.cpio": old, "base-used.cpio": old, "old.cpio": old, ".new-1": old,
		"new.cpio": time.Now(), ".new-2": time.Now(), "other": old, ".lock": old,
	} {
		if err := os.Chtimes(write(t, filepath.Join(dir, name), ""), age, age); err != nil {
			t.Fatal(err)
		}
	}
	prune(dir, filepath.Join(dir, "base-used.cpio"), filepath.Join(dir, "used.cpio"))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := []string{".lock", ".new-2", "base-used.cpio", "new.cpio", "other", "used.cpio"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A build that fails leaves nothing.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	why := errors.New("full")
	if err := replace(filepath.Join(dir, "out"), func(*os.File) error { return why }); !errors.Is(err, why) {
		t.Errorf("%v, want %v", err, why)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}
