package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A tree is a developer's source tree. It is only read.
type tree struct {
	dir     string // absolute
	version string // 6.12.117
	about   string // for people: git's description, else the version
	built   bool   // was built in place, or configured: make refuses it for O=
}

// builtMarks are the paths by which the kernel's Makefile (outputmakefile)
// tells that a tree was built in place.
var builtMarks = []string{".config", "include/config", "arch/x86/include/generated"}

func openTree(ctx context.Context, dir string) (tree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return tree{}, err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return tree{}, inputf("tree: %w: give the top folder of a kernel tree", err)
	}
	version, err := treeVersion(abs)
	if err != nil {
		return tree{}, inputf("tree %s: %w: give the top folder of a kernel tree", dir, err)
	}
	t := tree{dir: abs, version: version, about: "v" + version}
	if git, err := output(ctx, newCommand(ctx, "git", "-C", abs, "describe", "--always", "--dirty")); err == nil {
		if git = strings.TrimSpace(git); git != "" {
			t.about = git
		}
	}
	for _, mark := range builtMarks {
		if _, err := os.Stat(filepath.Join(abs, mark)); err == nil {
			t.built = true
		}
	}
	if strings.ContainsAny(abs, " \t\n:") {
		return tree{}, inputf("tree %s has a space or a colon in its path, with which make cannot work: move it or give a bind mount", dir)
	}
	return t, ctx.Err()
}

// copyTree brings a private copy of the tree up to date and returns its
// folder. make refuses to build out of tree when the tree was built in place,
// and cleaning it would be a write; git tells the sources from what a build
// left. Files keep their times, so that make builds only what was edited.
func (g *getter) copyTree(ctx context.Context, t tree, build string) (string, error) {
	out, err := output(ctx, newCommand(ctx, "git", "-C", t.dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard"))
	if err != nil {
		if ctx.Err() != nil {
			return "", err
		}
		return "", inputf(`tree %s was built in place and is no git repository (%w): run "make mrproper" in it, and build with O= from then on`, t.dir, err)
	}
	names := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	dst := filepath.Join(build, "src")
	if err := os.MkdirAll(dst, 0o700); err != nil {
		return "", err
	}
	g.report.step(StepCopy, "sources of "+t.dir, int64(len(names)), false)
	want := map[string]bool{}
	for i, name := range names {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if !filepath.IsLocal(name) {
			return "", fmt.Errorf("tree %s: git lists %q, which leads out of it", t.dir, name)
		}
		err := copySource(filepath.Join(t.dir, name), filepath.Join(dst, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not yet from the index
		}
		if err != nil {
			return "", fmt.Errorf("copying the tree: %w", err)
		}
		want[name] = true
		if i%1000 == 0 {
			g.report.done(int64(i), "")
		}
	}
	return dst, removeOthers(dst, want)
}

// removeOthers removes the files below dir that are not wanted.
func removeOthers(dir string, want map[string]bool) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || want[name] {
			return err
		}
		return os.Remove(path)
	})
}

// copySource makes dst the same as src if it is not: content, mode and time.
func copySource(src, dst string) error {
	from, err := os.Lstat(src)
	if err != nil {
		return err
	}
	to, err := os.Lstat(dst)
	if err == nil && from.Mode() == to.Mode() && from.Size() == to.Size() && from.ModTime().Equal(to.ModTime()) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o700); err != nil {
		return err
	}
	if err := os.Remove(dst); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch {
	case from.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(src)
		if err != nil {
			return err
		}
		return os.Symlink(target, dst)
	case from.IsDir(): // a submodule: the kernel has none that it is built from
		return nil
	case !from.Mode().IsRegular():
		return fmt.Errorf("%s is neither a file nor a link", src)
	}
	return copyFile(src, dst, from)
}

// copyFile copies a file with its mode and time. io.Copy lets file systems
// that can share the blocks do so.
func copyFile(src, dst string, info fs.FileInfo) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Chtimes(dst, info.ModTime(), info.ModTime())
}
