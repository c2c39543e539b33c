package kernel

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutants makes a Mutate of one mutant, which changes the files, and of one in a
// driver that is not built.
func mutants(id string, files map[string]string) Mutate {
	return func(tree fs.FS, version string) (Mutants, error) {
		if _, err := fs.Stat(tree, "init/main.c"); err != nil {
			return Mutants{}, err
		}
		m := Mutants{Edited: map[string][]string{"absent": {"net/absent.c"}}, Files: map[string][]byte{}}
		for name, text := range files {
			m.Edited[id] = append(m.Edited[id], name)
			m.Files[name] = []byte(text + version)
		}
		return m, nil
	}
}

// getMutated gets a kernel with mutants, as make would build it.
func (f fake) getMutated(t *testing.T, m Mutate) Kernel {
	t.Helper()
	for _, object := range []string{"init/main.o", "kernel/switch.o"} {
		write(t, filepath.Join(f.bin, "objects", object), "", 0o600)
	}
	release := strings.TrimSuffix(testRelease, "-teardown") + mutantsSuffix
	write(t, filepath.Join(f.bin, "image"), string(testImage(release)), 0o600)
	write(t, filepath.Join(f.bin, "release"), release, 0o600)
	k, err := Get(t.Context(), Request{Line: "6.12", Mutate: m}, Options{CacheDir: f.cache})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestMutated(t *testing.T) {
	f := newFake(t)
	f.plant(t)
	t.Setenv("TEARDOWN_CACHE", f.cache)
	first := mutants("A", map[string]string{"init/main.c": "int mutated; // ", "kernel/switch.c": "int on; // "})
	k := f.getMutated(t, first)
	if k.Real() || k.Line != "6.12" || !slices.Equal(k.Mutants, []string{"A"}) || k.Source != "a test with mutants" {
		t.Errorf("kernel %+v", k)
	}
	if n := f.calls(t, " LOCALVERSION=-teardown-mutants "); n == 0 {
		t.Error("its release does not tell that it has mutants")
	}
	source := filepath.Join(f.cache, "sources/6.12/tree")
	if text, err := os.ReadFile(filepath.Join(source, "init/main.c")); err != nil || string(text) != "int main;\n" {
		t.Errorf("the source is now %q (%v)", text, err)
	}
	copies, err := filepath.Glob(filepath.Join(f.cache, "builds/6.12-mutants-*/src"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies %v (%v)", copies, err)
	}
	for name, want := range map[string]string{"init/main.c": "int mutated; // 6.12.117", "kernel/switch.c": "int on; // 6.12.117"} {
		if text, err := os.ReadFile(filepath.Join(copies[0], name)); err != nil || string(text) != want {
			t.Errorf("%s is %q (%v), want %q", name, text, err, want)
		}
	}
	compiled := f.compiles(t)
	if again := f.getMutated(t, first); again.Image != k.Image || f.compiles(t) != compiled {
		t.Errorf("the same mutants were built again, into %s", again.Image)
	}
	// Other mutants are built in the same folder; what they leave alone is as in the
	// source again.
	other := f.getMutated(t, mutants("B", map[string]string{"kernel/switch.c": "int off; // "}))
	if other.Image == k.Image || f.compiles(t) != compiled+1 {
		t.Errorf("other mutants gave %s after %d compilations", other.Image, f.compiles(t))
	}
	if text, err := os.ReadFile(filepath.Join(copies[0], "init/main.c")); err != nil || string(text) != "int main;\n" {
		t.Errorf("the copy has %q (%v) where nothing is changed any more", text, err)
	}
	if _, err := readyNamed(f.cache, "6.12"); err == nil {
		t.Error("a kernel with mutants was taken for the one of the line")
	}
	assertEmpty(t, filepath.Join(f.cache, "tmp"))
}

func TestMutateNeedsALine(t *testing.T) {
	wantInputError(t, Request{Tree: "x", Mutate: mutants("A", nil)}, "give one with --kernel")
}
