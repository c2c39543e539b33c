package kernel

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"netdev.test/teardown/initramfs/kmod"
)

// prepare makes the build folder fit to compile a module of our own: as it is
// after the kernel was built, else configured again. Then there is no list of
// the symbols that the kernel exports.
func (b *build) prepare(ctx context.Context) error {
	if b.built {
		return nil
	}
	if err := b.configure(ctx); err != nil {
		return err
	}
	return b.make(ctx, nil, "modules_prepare")
}

// compileModule compiles our own module for the kernel of the build folder.
func (b *build) compileModule(ctx context.Context) error {
	b.report.step(StepModule, b.what, 0, false)
	dir := filepath.Join(b.dir(), kmod.Name)
	if err := writeSource(kmod.Source(), dir); err != nil {
		return err
	}
	args := []string{"M=" + dir, "modules"}
	if !b.built {
		args = append(args, "KBUILD_MODPOST_WARN=1") // every symbol is missing then
	}
	if err := b.make(ctx, nil, args...); err != nil {
		return err
	}
	b.module = filepath.Join(dir, kmod.Name+".ko")
	return nil
}

// collectModule copies our own module to the others, in dir.
func (b *build) collectModule(dir string) error {
	to := filepath.Join(dir, "updates", filepath.Base(b.module))
	info, err := os.Stat(b.module)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return copyFile(b.module, to, info)
}

// writeSource writes the files of src into dir. Those that are there and the
// same are left alone, so that make compiles only what changed.
func writeSource(src fs.FS, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return eachSource(src, func(name string, text []byte) error {
		path := filepath.Join(dir, name)
		if is, err := os.ReadFile(path); err == nil && bytes.Equal(is, text) {
			return nil
		}
		return os.WriteFile(path, text, 0o600)
	})
}

// hashSource returns the hash of all files of src.
func hashSource(src fs.FS) (string, error) {
	var all []string
	err := eachSource(src, func(name string, text []byte) error {
		all = append(all, name, string(text))
		return nil
	})
	return hashOf(all), err
}

// eachSource calls f for the files of a flat folder, in the order of their
// names.
func eachSource(src fs.FS, f func(name string, text []byte) error) error {
	names, err := fs.Glob(src, "*")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := fs.ReadFile(src, name)
		if err == nil {
			err = f(name, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
