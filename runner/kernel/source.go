package kernel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"netdev.test/teardown/kconfigs"
)

// An origin is a source that can be fetched.
type origin struct {
	ID    string // the same for the same source only: name, version, digest
	About string // for people: "Debian linux-source-6.12 6.12.117-1"
	// fetch unpacks the source into the empty folder dst, using the empty
	// folder tmp for what it downloads.
	fetch func(ctx context.Context, tmp, dst string) error
}

// A source is an unpacked source of a kernel line in the cache.
type source struct {
	ID    string `json:"id"`
	About string `json:"about"`
}

const sourceFile = "source.json"

func (g *getter) sourceDir(line kconfigs.Line) string {
	return filepath.Join(g.cache, "sources", line.Name)
}

// loadSource returns what is known of the line's unpacked source.
func (g *getter) loadSource(line kconfigs.Line) (source, bool) {
	text, err := os.ReadFile(filepath.Join(g.sourceDir(line), sourceFile))
	if err != nil {
		return source{}, false
	}
	var s source
	if err := json.Unmarshal(text, &s); err != nil || s.ID == "" {
		return source{}, false
	}
	_, err = treeVersion(filepath.Join(g.sourceDir(line), "tree"))
	return s, err == nil
}

// find returns the newest source of the line: Debian's, else kernel.org's.
func (g *getter) find(ctx context.Context, line kconfigs.Line) (origin, error) {
	g.report.step(StepFind, "Debian "+line.Package, 0, false)
	o, debianErr := g.findDebian(ctx, line)
	if debianErr == nil || ctx.Err() != nil {
		return o, debianErr
	}
	g.report.step(StepFind, "kernel.org linux-"+line.Name, 0, false)
	o, orgErr := g.findKernelOrg(ctx, line)
	if orgErr == nil || ctx.Err() != nil {
		return o, orgErr
	}
	return origin{}, fmt.Errorf("linux %s: %w: Debian: %w; kernel.org: %w: check the network and apt's mirror, or give --tree or --image",
		line.Name, ErrNoSource, debianErr, orgErr)
}

// unpack makes o the line's source in the cache; the caller holds the line's
// lock. The old one is only replaced by a whole one.
func (g *getter) unpack(ctx context.Context, line kconfigs.Line, o origin) error {
	dir := g.sourceDir(line)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := checkSpace(g.cache, sourceSpace); err != nil {
		return err
	}
	tmp, err := g.scratch("source-" + line.Name)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	download, fresh := filepath.Join(tmp, "download"), filepath.Join(tmp, "source")
	tree := filepath.Join(fresh, "tree")
	if err := errors.Join(os.Mkdir(download, 0o700), os.MkdirAll(tree, 0o700)); err != nil {
		return err
	}
	if err := o.fetch(ctx, download, tree); err != nil {
		return err
	}
	if _, err := treeVersion(tree); err != nil {
		return fmt.Errorf("%s holds no kernel source: %w", o.About, err)
	}
	if err := writeJSON(filepath.Join(fresh, sourceFile), source{o.ID, o.About}); err != nil {
		return err
	}
	if err := g.forget(line); err != nil {
		return err
	}
	return os.Rename(fresh, dir)
}

// forget removes the line's source and the builds that were begun from it:
// the next source has the same path, and times that make would not notice.
func (g *getter) forget(line kconfigs.Line) error {
	begun, err := filepath.Glob(filepath.Join(g.cache, "builds", line.Name+"-*"))
	if err != nil {
		return err
	}
	for _, dir := range append(begun, g.sourceDir(line)) {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// scratch returns an empty folder in the cache, of this purpose only: what a
// killed run left of it is removed first. The caller holds the purpose's lock.
func (g *getter) scratch(purpose string) (string, error) {
	dir := filepath.Join(g.cache, "tmp", purpose)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// pipe runs commands with each one's output as the next one's input. The error
// is that of the first that did not just lose its neighbour.
func pipe(ctx context.Context, steps ...[]string) error {
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	var in *os.File
	for i, step := range steps {
		cmd := newCommand(ctx, step[0], step[1:]...)
		var said strings.Builder
		cmd.Stderr = &said
		var ends []*os.File
		if in != nil {
			cmd.Stdin = in
			ends = append(ends, in)
		}
		if i < len(steps)-1 {
			r, w, err := os.Pipe()
			if err != nil {
				errs[i] = err
				break
			}
			cmd.Stdout, in = w, r
			ends = append(ends, w)
		}
		wg.Go(func() {
			errs[i] = explain(cmd, run(ctx, cmd), said.String())
			for _, f := range ends {
				_ = f.Close()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !strings.Contains(strings.ToLower(err.Error()), "broken pipe") {
			return err
		}
	}
	return cmp.Or(errs...)
}

var makefileVar = regexp.MustCompile(`(?m)^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *= *([^\s#]*)`)

// treeVersion returns the version that the Makefile of a kernel tree names,
// "6.12.117", "7.3.0-rc2"; the error says why the folder is no such tree.
func treeVersion(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "Makefile"))
	if err != nil {
		return "", errors.New("no Makefile in it")
	}
	for _, name := range []string{"Kconfig", "scripts/kconfig/merge_config.sh"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("no %s in it", name)
		}
	}
	v := map[string]string{}
	for _, m := range makefileVar.FindAllStringSubmatch(string(text), 4) {
		v[m[1]] = m[2]
	}
	version := fmt.Sprintf("%s.%s.%s%s", v["VERSION"], v["PATCHLEVEL"], v["SUBLEVEL"], v["EXTRAVERSION"])
	if _, err := kconfigs.ParseVersion(version); err != nil {
		return "", errors.New("its Makefile names no kernel version")
	}
	return version, nil
}

// compilerID names the compiler and linker that are found, for the hash.
func compilerID(ctx context.Context) (string, error) {
	var id []string
	for _, tool := range []string{"gcc", "ld"} {
		out, err := output(ctx, newCommand(ctx, tool, "--version"))
		if err != nil {
			return "", fmt.Errorf("asking for the compiler's version: %w", err)
		}
		first, _, _ := strings.Cut(out, "\n")
		id = append(id, first)
	}
	return strings.Join(id, "; "), nil
}

// compiler returns make's argument for the C compiler, with ccache if there.
func compiler() string {
	if _, err := exec.LookPath("ccache"); err == nil {
		return "CC=ccache gcc"
	}
	return "CC=gcc"
}
