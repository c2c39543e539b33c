package kernel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/kconfigs"
)

// recipe is part of every key: raise it when the way of building changes what
// comes out.
const recipe = 1

// A getter is one call of [Get].
type getter struct {
	cache     string
	jobs      int
	report    *reporter
	kernelOrg string
	client    *http.Client
	update    bool
	profile   string
	families  []string
	fragments []kconfigs.Fragment
	compiler  string // its version and the linker's
	module    string // hash of our own module's source
	mutate    Mutate // nil for the real kernel
}

func newGetter(ctx context.Context, r Request, o Options) (*getter, error) {
	g := &getter{
		cache: o.CacheDir, jobs: o.Jobs, report: &reporter{to: o.Progress},
		kernelOrg: strings.TrimSuffix(o.KernelOrg, "/"), client: o.Client, update: r.Update, mutate: r.Mutate,
	}
	p, err := kconfigs.FindProfile(r.Profile)
	if err != nil {
		return nil, &InputError{err}
	}
	g.profile, g.families = p.Name, r.Families
	names, err := p.For(r.Families)
	if err != nil {
		return nil, &InputError{err}
	}
	for _, name := range append(names, r.Fragments...) {
		f, err := kconfigs.LoadFragment(name)
		if err != nil {
			return nil, &InputError{err}
		}
		g.fragments = append(g.fragments, f)
	}
	if g.jobs == 0 {
		g.jobs = runtime.NumCPU()
	}
	if g.kernelOrg == "" {
		g.kernelOrg = kernelOrg
	}
	if g.client == nil {
		g.client = defaultClient()
	}
	if g.compiler, err = compilerID(ctx); err != nil {
		return nil, err
	}
	if g.module, err = hashSource(kmod.Source()); err != nil {
		return nil, err
	}
	return g, g.openCache()
}

// openCache makes the cache's folder and checks that make can work in it.
func (g *getter) openCache() error {
	var err error
	if g.cache == "" {
		if g.cache, err = CacheDir(); err != nil {
			return err
		}
	}
	if g.cache, err = filepath.Abs(g.cache); err != nil {
		return err
	}
	if strings.ContainsAny(g.cache, " \t\n:") {
		return inputf("the cache folder %q has a space or a colon in its name, with which make cannot work: set TEARDOWN_CACHE to another", g.cache)
	}
	if err := os.MkdirAll(g.cache, 0o700); err != nil {
		return diskFull(fmt.Errorf("cache folder: %w: set TEARDOWN_CACHE to a folder that can be written to", err), g.cache)
	}
	return nil
}

// newestLongterm gets the newest long-term line that has a source.
func (g *getter) newestLongterm(ctx context.Context) (Kernel, error) {
	lines, err := kconfigs.Lines()
	if err != nil {
		return Kernel{}, err
	}
	var first error
	for i := len(lines) - 1; i >= 0; i-- {
		if !lines[i].Longterm {
			continue
		}
		k, err := g.line(ctx, lines[i])
		if !errors.Is(err, ErrNoSource) || ctx.Err() != nil {
			return k, err
		}
		if first == nil {
			first = err
		}
	}
	return Kernel{}, first
}

// line gets a kernel line, from the cache without a lock or the network when
// its source is there and the kernel was built.
func (g *getter) line(ctx context.Context, line kconfigs.Line) (Kernel, error) {
	version, err := line.Version()
	if err != nil {
		return Kernel{}, err
	}
	options, err := kconfigs.Select(version, g.fragments...)
	if err != nil {
		return Kernel{}, &InputError{err}
	}
	if s, ok := g.loadSource(line); ok && !g.update && g.mutate == nil {
		if e, err := loadEntry(g.entryDir(g.moduleKey(g.lineKey(s.ID, options)))); err == nil {
			return e.Kernel, nil
		}
	}
	unlock, err := g.lock(ctx, "line-"+line.Name)
	if err != nil {
		return Kernel{}, err
	}
	defer unlock()
	get := g.lineLocked
	if g.mutate != nil {
		get = g.mutated
	}
	k, err := get(ctx, line, options)
	return k, diskFull(err, g.cache)
}

func (g *getter) lineLocked(ctx context.Context, line kconfigs.Line, options []kconfigs.Option) (Kernel, error) {
	var o origin
	s, unpacked := g.loadSource(line)
	if !unpacked || g.update {
		var err error
		if o, err = g.find(ctx, line); err != nil {
			return Kernel{}, err
		}
		unpacked = unpacked && s.ID == o.ID
		s = source{o.ID, o.About}
	}
	bare := g.lineKey(s.ID, options)
	key := g.moduleKey(bare)
	if e, ok, err := takeEntry(g.entryDir(key)); ok || err != nil {
		return e.Kernel, err
	}
	if !unpacked {
		if err := g.unpack(ctx, line, o); err != nil {
			return Kernel{}, err
		}
	}
	b := &build{
		getter: g, name: line.Name + "-" + hashOf(s.ID, g.compiler)[:shortKey], tree: filepath.Join(g.sourceDir(line), "tree"),
		options: options, what: "linux " + line.Name,
		kernel: Kernel{Line: line.Name, Source: s.About, Profile: g.profile, Families: g.families},
	}
	e, err := b.lineEntry(ctx, bare, key)
	if err == nil {
		err = os.RemoveAll(b.dir()) // the source does not change: nothing to build on
	}
	return e.Kernel, err
}

// lineEntry builds a line in two entries: the bare kernel, which takes minutes,
// and the kernel with our own module, which is all that a change of the module
// builds anew.
func (b *build) lineEntry(ctx context.Context, bare, key string) (entry, error) {
	base, ok, err := takeEntry(b.entryDir(bare))
	if err == nil && !ok {
		base, err = b.run(ctx, func(string) string { return bare }, b.configure, b.compile)
	}
	if err != nil {
		return entry{}, err
	}
	b.base, b.steps = &base, 0
	return b.run(ctx, func(string) string { return key }, b.prepare, b.compileModule)
}

// tree gets the kernel of a developer's tree. Only make can tell what an edit
// changes, so it always runs, in the tree's own build folder; what comes out
// is kept under the hash of its content.
func (g *getter) tree(ctx context.Context, dir string) (Kernel, error) {
	t, err := openTree(ctx, dir)
	if err != nil {
		return Kernel{}, err
	}
	version, err := kconfigs.ParseVersion(t.version)
	if err != nil {
		return Kernel{}, err
	}
	options, err := kconfigs.Select(version, g.fragments...)
	if err != nil {
		return Kernel{}, &InputError{err}
	}
	b := &build{
		getter: g, name: "tree-" + hashOf(t.dir, optionLines(options), g.compiler)[:shortKey], tree: t.dir,
		options: options, what: "tree " + dir, ofTree: t.dir,
		kernel: Kernel{Source: fmt.Sprintf("tree %s (%s)", dir, t.about), Profile: g.profile, Families: g.families},
	}
	unlock, err := g.lock(ctx, b.name)
	if err != nil {
		return Kernel{}, err
	}
	defer unlock()
	if t.built {
		if b.tree, err = g.copyTree(ctx, t, b.dir()); err != nil {
			return Kernel{}, diskFull(err, g.cache)
		}
	}
	key := func(content string) string { return hashOf(recipe, content, t.dir) }
	e, err := b.run(ctx, key, b.configure, b.compile, b.compileModule)
	if err != nil {
		return Kernel{}, diskFull(err, g.cache)
	}
	return e.Kernel, prune(g.cache, t.dir)
}

// shortKey is how much of a key is used to name a build folder.
const shortKey = 16

func (g *getter) entryDir(key string) string { return filepath.Join(g.cache, "kernels", key) }

// lineKey is the hash of all that decides what a build of a line gives, our own
// module left out.
func (g *getter) lineKey(sourceID string, options []kconfigs.Option) string {
	return hashOf(recipe, sourceID, g.profile, optionLines(options), g.compiler)
}

// moduleKey is the key of the kernel bare together with our own module.
func (g *getter) moduleKey(bare string) string { return hashOf(bare, g.module) }

func hashOf(parts ...any) string {
	h := sha256.New()
	// Strings, numbers and lists of strings always encode.
	_ = json.NewEncoder(h).Encode(parts)
	return hex.EncodeToString(h.Sum(nil))
}

func optionLines(options []kconfigs.Option) []string {
	lines := make([]string, len(options))
	for i, o := range options {
		lines[i] = o.String()
	}
	return lines
}
