// Package module loads and unloads the kernel modules that the image carries.
package module

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ErrAbsent is returned for a module that is neither in the image nor built
// into the kernel.
var ErrAbsent = errors.New("module is not in the image")

// DepFile is where depmod(8) lists what each module builds on: its file, a colon, and
// the files of the others, each after those that build on it (modules.dep(5)).
const DepFile = "modules.dep"

// Dir is a folder tree that holds modules as NAME.ko, and may have a [DepFile].
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

// Removable reports whether the module was loaded, and is no part of the kernel's image.
// Only one that was loaded has a state (kernel/module/sysfs.c).
func Removable(name string) bool {
	_, err := os.Stat(filepath.Join("/sys/module", symbolic(name), "initstate"))
	return err == nil
}

// Keepers are what the loaded module cannot be unloaded for: the modules that build on
// it, and [permanent] for one without an exit function (print_unload_info() in
// kernel/module/procfs.c). Users that come and go are not among them.
func Keepers(name string) ([]string, error) {
	text, err := os.ReadFile("/proc/modules")
	if err != nil {
		return nil, fmt.Errorf("what keeps module %s: %w", name, err)
	}
	return keepers(string(text), name)
}

// keepers finds those of the module in the text of /proc/modules: its name, its size, how
// many use it, and which, each with a comma behind it, or a dash.
func keepers(text, name string) ([]string, error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			return nil, fmt.Errorf("malformed line in /proc/modules: %q", line)
		}
		if fields[0] != symbolic(name) {
			continue
		}
		return strings.FieldsFunc(strings.TrimPrefix(fields[3], "-"), func(r rune) bool { return r == ',' }), nil
	}
	return nil, fmt.Errorf("module %s is not loaded", name)
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
// parameters as modprobe takes them, and before it those that it builds on. A module
// that is there already is an error: its parameters could not be set.
func (d Dir) Load(name, parameters string) error {
	path, err := d.file(name)
	if err != nil {
		return err
	}
	below, err := d.below(path)
	if err != nil {
		return err
	}
	for _, library := range below {
		if Loaded(strings.TrimSuffix(filepath.Base(library), ".ko")) {
			continue
		}
		if err := load(library, ""); err != nil {
			return fmt.Errorf("for module %s: %w", name, err)
		}
	}
	return load(path, parameters)
}

// below lists the files of the modules that the one in path builds on, in the order
// in which they can be loaded. Those that are a part of the kernel's image are not
// among them, and without a [DepFile] there are none.
func (d Dir) below(path string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(string(d), DepFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("what modules build on: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		file, others, _ := strings.Cut(line, ":")
		if filepath.Join(string(d), file) != path {
			continue
		}
		files := strings.Fields(others)
		slices.Reverse(files)
		for i, f := range files {
			files[i] = filepath.Join(string(d), f)
		}
		return files, nil
	}
	return nil, nil
}

// load loads the module in path.
func load(path, parameters string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open a module: %w", err)
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), parameters, 0); err != nil {
		Leave()
		return fmt.Errorf("load module %s %s: %w", strings.TrimSuffix(filepath.Base(path), ".ko"), parameters, err)
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
