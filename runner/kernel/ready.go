package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"netdev.test/teardown/kconfigs"
)

// Ready names the kernel that a plain "go test ./tests" boots.
type Ready struct {
	Kernel Kernel `json:"kernel"`
}

const readyFile = "ready.json"

// SaveReady makes k the kernel that [LoadReady] returns from now on.
func SaveReady(r Ready) error {
	dir, err := CacheDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return diskFull(err, dir)
	}
	if err := writeJSON(filepath.Join(dir, readyFile), r); err != nil {
		return diskFull(fmt.Errorf("remembering the kernel: %w", err), dir)
	}
	return nil
}

// LoadReady returns the kernel named by $TEARDOWN_KERNEL, a line or the path
// of a kernel.json, else the one saved last. What it returns was just checked
// to be whole. The error is [ErrNotReady] when there is none.
func LoadReady() (Ready, error) {
	dir, err := CacheDir()
	if err != nil {
		return Ready{}, err
	}
	if name := os.Getenv("TEARDOWN_KERNEL"); name != "" {
		return readyNamed(dir, name)
	}
	text, err := os.ReadFile(filepath.Join(dir, readyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Ready{}, ErrNotReady
	}
	if err != nil {
		return Ready{}, err
	}
	var r Ready
	if err := json.Unmarshal(text, &r); err != nil {
		return Ready{}, fmt.Errorf("%s is damaged (%v): %w", filepath.Join(dir, readyFile), err, ErrNotReady)
	}
	return r, r.Kernel.whole()
}

// whole checks that the kernel's files are still there and unchanged.
func (k Kernel) whole() error {
	dir := filepath.Dir(k.Image)
	_, err := os.Stat(filepath.Join(dir, entryFile))
	switch {
	case err == nil:
		_, err = loadEntry(dir)
	case errors.Is(err, fs.ErrNotExist): // a ready image, or gone
		_, err = imageRelease(k.Image)
		if err == nil && k.Modules != "" {
			_, err = modulesRoot(k.Modules, k.Release)
		}
	}
	if err != nil {
		return fmt.Errorf("the kernel that was ready is gone (%v): %w", err, ErrNotReady)
	}
	return nil
}

// readyNamed returns the kernel of a kernel.json, or the one of "LINE" or
// "LINE:PROFILE" that was built last. A line alone is meant in the default
// profile.
func readyNamed(cache, name string) (Ready, error) {
	if strings.HasSuffix(name, ".json") {
		e, err := loadEntry(filepath.Dir(name))
		if err != nil {
			return Ready{}, inputf("TEARDOWN_KERNEL=%s: %w: give a kernel line or the kernel.json of a built kernel", name, err)
		}
		return Ready{Kernel: e.Kernel}, nil
	}
	line, profile, _ := strings.Cut(name, ":")
	p, err := kconfigs.FindProfile(profile)
	if err != nil {
		return Ready{}, &InputError{fmt.Errorf("TEARDOWN_KERNEL=%s: %w", name, err)}
	}
	var found entry
	for _, e := range entries(cache) {
		if e.Line == line && e.Profile == p.Name && e.Real() && e.Built.After(found.Built) {
			found = e
		}
	}
	if found.Image == "" {
		return Ready{}, fmt.Errorf("TEARDOWN_KERNEL=%s: %w --kernel %s --profile %s", name, ErrNotReady, line, p.Name)
	}
	return Ready{Kernel: found.Kernel}, found.Kernel.whole()
}

// entries returns what the kernel.json files of the cache say, unchecked;
// those that cannot be read are left out.
func entries(cache string) []entry {
	files, err := filepath.Glob(filepath.Join(cache, "kernels", "*", entryFile))
	if err != nil {
		return nil
	}
	var all []entry
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		var e entry
		if json.Unmarshal(text, &e) == nil {
			e.place(filepath.Dir(file))
			all = append(all, e)
		}
	}
	return all
}
