package kernel

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// CacheDir returns the folder that keeps sources, builds and kernels:
// $TEARDOWN_CACHE, else teardown in the user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("TEARDOWN_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w: set TEARDOWN_CACHE to a folder", err)
	}
	return filepath.Join(dir, "teardown"), nil
}

const (
	entryFile   = "kernel.json"
	entryImage  = "bzImage"
	entryConfig = "config"
	entryMods   = "modules"
)

// An entry is a kernel in the cache, as its kernel.json holds it.
type entry struct {
	Kernel
	Steps   int64             `json:"steps"`         // of make, to foretell the next build; 0 if not all were done at once
	Seconds float64           `json:"build_seconds"` // of make
	Built   time.Time         `json:"built"`
	Tree    string            `json:"tree,omitempty"` // the developer's tree it is of
	Files   map[string]digest `json:"files"`          // every other file, by its path in the entry
}

// A digest tells whether a file is still what was put into the cache.
type digest struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func digestFile(path string) (digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return digest{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return digest{n, hex.EncodeToString(h.Sum(nil))}, err
}

// digestTree returns the digests of all regular files below dir but the
// entry's own kernel.json.
func digestTree(dir string) (map[string]digest, error) {
	files := map[string]digest{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == entryFile {
			return err
		}
		files[name], err = digestFile(path)
		return err
	})
	return files, err
}

// loadEntry reads the kernel in a folder of the cache and checks every file of
// it. The paths of the result are those of dir, wherever it was built.
func loadEntry(dir string) (entry, error) {
	text, err := os.ReadFile(filepath.Join(dir, entryFile))
	if err != nil {
		return entry{}, err
	}
	var e entry
	if err := json.Unmarshal(text, &e); err != nil {
		return entry{}, fmt.Errorf("%s: %w", filepath.Join(dir, entryFile), err)
	}
	if _, ok := e.Files[entryImage]; !ok {
		return entry{}, fmt.Errorf("%s: names no %s", filepath.Join(dir, entryFile), entryImage)
	}
	for name, want := range e.Files {
		if !filepath.IsLocal(name) {
			return entry{}, fmt.Errorf("%s: %q leads out of the entry", filepath.Join(dir, entryFile), name)
		}
		got, err := digestFile(filepath.Join(dir, name))
		if err != nil {
			return entry{}, err
		}
		if got != want {
			return entry{}, fmt.Errorf("%s is not what was put there: %d bytes of %d", filepath.Join(dir, name), got.Size, want.Size)
		}
	}
	e.place(dir)
	return e, nil
}

func (e *entry) place(dir string) {
	e.Image = filepath.Join(dir, entryImage)
	if e.Modules != "" {
		e.Modules = filepath.Join(dir, entryMods)
	}
}

// takeEntry returns the entry at dir if it is whole. A bad one is removed, so
// that it is built again; the caller holds the lock.
func takeEntry(dir string) (entry, bool, error) {
	e, err := loadEntry(dir)
	if err == nil {
		return e, true, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return entry{}, false, err
	}
	return entry{}, false, os.RemoveAll(dir)
}

// storeEntry makes the files in the folder tmp the entry at dir: the digests
// are taken, kernel.json is written last, and one rename makes it visible.
func storeEntry(tmp, dir string, e entry) (entry, error) {
	e.place(dir)
	files, err := digestTree(tmp)
	if err != nil {
		return entry{}, err
	}
	e.Files = files
	if err := writeJSON(filepath.Join(tmp, entryFile), e); err != nil {
		return entry{}, err
	}
	err = os.Rename(tmp, dir)
	if errors.Is(err, fs.ErrExist) {
		// Another run stored the same content first: theirs is as good.
		if other, err := loadEntry(dir); err == nil {
			return other, nil
		}
		if err := os.RemoveAll(dir); err != nil {
			return entry{}, err
		}
		err = os.Rename(tmp, dir)
	}
	return e, err
}

// copyEntry copies the files of a kernel in the cache into dir.
func copyEntry(e entry, dir string) error {
	from := filepath.Dir(e.Image)
	for name := range e.Files {
		to := filepath.Join(dir, name)
		info, err := os.Stat(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := copyFile(filepath.Join(from, name), to, info); err != nil {
			return err
		}
	}
	return nil
}

// keptOfTree is how many kernels of one tree stay in the cache: each edit makes
// another, and a run may still be booting one of the last.
const keptOfTree = 10

// prune removes all but the newest kernels of a developer's tree.
func prune(cache, tree string) error {
	var all []entry
	for _, e := range entries(cache) {
		if e.Tree == tree {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return b.Built.Compare(a.Built) })
	for _, e := range all[min(keptOfTree, len(all)):] {
		if err := os.RemoveAll(filepath.Dir(e.Image)); err != nil {
			return fmt.Errorf("removing an old kernel: %w", err)
		}
	}
	return nil
}

// writeJSON writes a file by a rename, so that no reader sees half of it.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
