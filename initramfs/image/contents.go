package image

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/u-root/mkuimage/ldd"

	"netdev.test/teardown/initramfs/module"
)

// file is a regular file in the image.
type file struct {
	name string // in the guest, without a leading slash
	mode uint64 // permissions
	host string // path on the host; "" when text is the content
	text string
}

// content is an open file.
type content interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

type text struct{ *bytes.Reader }

func (text) Close() error { return nil }

// open returns the content of f and its size in bytes.
func (f file) open() (content, int64, error) {
	if f.host == "" {
		return text{bytes.NewReader([]byte(f.text))}, int64(len(f.text)), nil
	}
	r, err := os.Open(f.host)
	if err != nil {
		return nil, 0, err
	}
	fi, err := r.Stat()
	if err != nil {
		r.Close()
		return nil, 0, err
	}
	if !fi.Mode().IsRegular() {
		r.Close()
		return nil, 0, fmt.Errorf("%s is not a regular file", f.host)
	}
	return r, fi.Size(), nil
}

// contents lists the files of c, in an order that depends on nothing else.
func contents(c Config) ([]file, error) {
	files := []file{
		{name: guest(Binary), mode: 0o755, host: c.Binary},
		{name: guest(Asked), mode: 0o644, text: lines(c.Asked)},
	}
	libs, err := libraries(c.Binary)
	if err != nil {
		return nil, err
	}
	mods, err := modules(c.Modules)
	if err != nil {
		return nil, err
	}
	return append(append(files, libs...), mods...), nil
}

// guest is the name in an archive of a path in the guest.
func guest(path string) string { return strings.TrimPrefix(path, "/") }

func lines(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return strings.Join(s, "\n") + "\n"
}

// modules lists the modules under dir, and what says which of them builds on which.
func modules(dir string) ([]file, error) {
	if dir == "" {
		return nil, nil
	}
	var files []file
	root := filepath.Join(dir, "lib", "modules")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Ext(path) != ".ko" && d.Name() != module.DepFile {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files = append(files, file{name: filepath.ToSlash(rel), mode: 0o644, host: path})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("modules: %w", err)
	}
	return files, nil
}

// libraries lists the dynamic linker and the libraries that binary needs; a
// static one needs none. Symbolic links are followed: the guest finds each
// library under the name by which the linker asks for it.
func libraries(binary string) ([]file, error) {
	paths, err := ldd.List(binary)
	if err != nil {
		return nil, fmt.Errorf("libraries of %s: %w", binary, err)
	}
	var files []file
	for _, p := range paths {
		if !filepath.IsAbs(p) {
			return nil, fmt.Errorf("libraries of %s: %s is not an absolute path", binary, p)
		}
		files = append(files, file{name: guest(p), mode: 0o755, host: p})
	}
	sortByName(files)
	return files, nil
}
