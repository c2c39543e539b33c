// Package module loads and unloads the kernel modules that the image carries.
package module

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ErrAbsent is returned for a module that is neither in the image nor built
// into the kernel.
var ErrAbsent = errors.New("module is not in the image")

// Dir is a folder tree that holds modules as NAME.ko.
type Dir string

// Root is where the image keeps the modules of the kernel that runs.
func Root() Dir {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "/lib/modules"
	}
	return Dir("/lib/modules/" + unix.ByteSliceToString(u.Release[:]))
}

// file finds the module's file. Names are given with or without the dashes that
// the kernel turns into underscores.
func (d Dir) file(name string) (string, error) {
	var found string
	err := filepath.WalkDir(string(d), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base, ok := strings.CutSuffix(e.Name(), ".ko"); ok && symbolic(base) == symbolic(name) {
			found = path
			return fs.SkipAll
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look for module %s: %w", name, err)
	}
	if found == "" {
		return "", fmt.Errorf("%w: %s", ErrAbsent, name)
	}
	return found, nil
}

// symbolic is the module's name as the kernel spells it.
func symbolic(name string) string { return strings.ReplaceAll(name, "-", "_") }

// Loaded reports whether the module is in the kernel, built in or loaded.
func Loaded(name string) bool {
	_, err := os.Stat(filepath.Join("/sys/module", symbolic(name)))
	return err == nil
}

// Open opens the module's file.
func (d Dir) Open(name string) (*os.File, error) {
	path, err := d.file(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open module %s: %w", name, err)
	}
	return f, nil
}

// Load loads the module with finit_module(2) on the calling thread, with
// parameters as modprobe takes them. A module that is there already is an
// error: its parameters could not be set.
func (d Dir) Load(name, parameters string) error {
	f, err := d.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), parameters, 0); err != nil {
		Leave()
		return fmt.Errorf("load module %s %s: %w", name, parameters, err)
	}
	return nil
}

// gone counts the modules that left the kernel.
var gone atomic.Int64

// Gone is how many modules have left the kernel. As long as it stays the same, every
// module is where it was: the kernel unloads none that was loaded.
func Gone() int64 { return gone.Load() }

// Leave says that a module has left by other means than [Unload], or failed to load:
// the kernel frees one whose init function fails (do_init_module() in
// kernel/module/main.c).
func Leave() { gone.Add(1) }

// Unload removes the module with delete_module(2), without waiting for users.
func Unload(name string) error {
	if err := unix.DeleteModule(symbolic(name), unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("unload module %s: %w", name, err)
	}
	Leave()
	return nil
}
