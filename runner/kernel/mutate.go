package kernel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"netdev.test/teardown/kconfigs"
)

// Mutants are bugs to be compiled into a kernel.
type Mutants struct {
	Edited map[string][]string // for each bug, by its id, the files that it is in
	Files  map[string][]byte   // of the source that differ or are new
}

// A Mutate makes the mutants for a source, whose version is given.
type Mutate func(tree fs.FS, version string) (Mutants, error)

// mutantsSuffix ends the release of a kernel with mutants, as uname -r prints it.
const mutantsSuffix = "-teardown-mutants"

// Real reports whether the kernel is what its source says. One into which bugs were
// compiled on purpose tells nothing about any other: it must not be compared
// with one, nor take part in a bisection, nor become the kernel that a plain "go
// test" boots.
func (k Kernel) Real() bool {
	return len(k.Mutants) == 0 && !strings.HasSuffix(k.Release, mutantsSuffix)
}

// CachedSource returns the folder of the unpacked source of a kernel line, if it is
// in the cache. It must not be written to.
func CachedSource(cache, line string) (string, bool) {
	g := &getter{cache: cache}
	l, err := kconfigs.FindLine(line)
	if err != nil {
		return "", false
	}
	_, ok := g.loadSource(l)
	return filepath.Join(g.sourceDir(l), "tree"), ok
}

// Source returns the folder of the unpacked source of a kernel line, which it
// fetches where it is missing. It must not be written to.
func Source(ctx context.Context, name string, o Options) (string, error) {
	g, err := newGetter(ctx, Request{}, o)
	if err != nil {
		return "", err
	}
	line, err := kconfigs.FindLine(name)
	if err != nil {
		return "", &InputError{err}
	}
	unlock, err := g.lock(ctx, "line-"+line.Name)
	if err != nil {
		return "", err
	}
	defer unlock()
	_, err = g.ready(ctx, line)
	return filepath.Join(g.sourceDir(line), "tree"), diskFull(err, g.cache)
}

// mutated gets the kernel of a line with mutants in it. It is built as that of a
// developer's tree is, in a copy of the source and a build folder that stay: one
// mutant more takes the time of the files that it touches. The caller holds the
// line's lock.
func (g *getter) mutated(ctx context.Context, line kconfigs.Line, options []kconfigs.Option) (Kernel, error) {
	s, err := g.ready(ctx, line)
	if err != nil {
		return Kernel{}, err
	}
	tree := filepath.Join(g.sourceDir(line), "tree")
	version, err := treeVersion(tree)
	if err != nil {
		return Kernel{}, err
	}
	mutants, err := g.mutate(os.DirFS(tree), version)
	if err != nil {
		return Kernel{}, err
	}
	bare := g.lineKey(s.ID, options)
	key := hashOf("mutants", g.moduleKey(bare), mutants.Files)
	if e, ok, err := takeEntry(g.entryDir(key)); ok || err != nil {
		return e.Kernel, err
	}
	b := &build{
		getter: g, name: line.Name + "-mutants-" + bare[:shortKey],
		options: options, what: "linux " + line.Name + " with mutants",
		kernel: Kernel{
			Line: line.Name, Source: s.About + " with mutants", Profile: g.profile, Families: g.families,
			Mutants: slices.Sorted(maps.Keys(mutants.Edited)),
		},
	}
	b.tree = filepath.Join(b.dir(), "src")
	b.ofTree = b.tree
	if err := g.mutateTree(ctx, tree, b.tree, mutants.Files); err != nil {
		return Kernel{}, err
	}
	e, err := b.run(ctx, func(string) string { return key }, b.configure, b.compile, b.compileModule, b.present(mutants))
	if err != nil {
		return Kernel{}, err
	}
	return e.Kernel, prune(g.cache, b.ofTree)
}

// present keeps of the kernel's mutants those whose files were compiled: the others
// are in drivers that the configuration leaves out.
func (b *build) present(mutants Mutants) func(context.Context) error {
	return func(context.Context) error {
		b.kernel.Mutants = slices.DeleteFunc(b.kernel.Mutants, func(id string) bool {
			return slices.ContainsFunc(mutants.Edited[id], func(file string) bool {
				object, source := strings.CutSuffix(file, ".c")
				if !source {
					return false
				}
				_, err := os.Stat(filepath.Join(b.out(), object+".o"))
				return err != nil
			})
		})
		return nil
	}
}

// ready sees to it that the line's source is in the cache.
func (g *getter) ready(ctx context.Context, line kconfigs.Line) (source, error) {
	s, unpacked := g.loadSource(line)
	if unpacked && !g.update {
		return s, nil
	}
	o, err := g.find(ctx, line)
	if err != nil || unpacked && s.ID == o.ID {
		return s, err
	}
	return source{o.ID, o.About}, g.unpack(ctx, line, o)
}

// changedFile, in a build folder, names the files that differ from the source.
const changedFile = "changed.json"

// mutateTree makes dst a copy of the source in which the files are as given. What
// is the same as before keeps its time, so that make builds only what changed.
func (g *getter) mutateTree(ctx context.Context, tree, dst string, files map[string][]byte) error {
	if _, err := os.Stat(dst); errors.Is(err, fs.ErrNotExist) {
		if err := g.linkTree(ctx, tree, dst); err != nil {
			return err
		}
	}
	list := filepath.Join(filepath.Dir(dst), changedFile)
	var changed []string
	if text, err := os.ReadFile(list); err == nil {
		if err := json.Unmarshal(text, &changed); err != nil {
			return err
		}
	}
	for name := range files {
		if !slices.Contains(changed, name) {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	if err := writeJSON(list, changed); err != nil {
		return err
	}
	for _, name := range changed {
		text, want := files[name]
		if !want {
			var err error
			text, err = os.ReadFile(filepath.Join(tree, name))
			if errors.Is(err, fs.ErrNotExist) {
				err = os.Remove(filepath.Join(dst, name))
				if err == nil || errors.Is(err, fs.ErrNotExist) {
					continue
				}
			}
			if err != nil {
				return err
			}
		}
		if err := replaceFile(filepath.Join(dst, name), text); err != nil {
			return err
		}
	}
	return nil
}

// replaceFile makes text the content of the file at path, if it is not. Nothing
// is written into the old file, which is a link to the source's.
func replaceFile(path string, text []byte) error {
	if is, err := os.ReadFile(path); err == nil && bytes.Equal(is, text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// linkTree makes dst a copy of the tree, whose files are links to the tree's: they
// take no room, and must not be written to.
func (g *getter) linkTree(ctx context.Context, tree, dst string) error {
	g.report.step(StepCopy, "sources", 0, false)
	tmp, err := g.scratch("tree-" + filepath.Base(filepath.Dir(dst)))
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	err = filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name, err := filepath.Rel(tree, path)
		if err != nil {
			return err
		}
		to := filepath.Join(tmp, name)
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		if err := os.Link(path, to); err == nil {
			return nil
		}
		return copySource(path, to)
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o700); err != nil {
		return err
	}
	return os.Rename(tmp, dst)
}
