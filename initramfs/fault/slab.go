package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// exempt are the slab caches that failslab leaves alone. Failing a detector's tests the
// detector, not the device, and may blind it (create_object() in mm/kmemleak.c). IDR and
// xarray want a node now and then, such as for each 64th file in sysfs
// (__kernfs_new_node() in fs/kernfs/dir.c): it is by chance when they do, and each time
// the allocations behind it have another number.
var exempt = map[string]bool{
	"kmemleak_object":    true,
	"kmemleak_scan_area": true,
	"radix_tree_node":    true,
}

// keepPages has a slab cache keep its empty pages (min_partial_store() in mm/slub.c). An
// operation that is repeated then makes the same allocations each time, and not a page
// more or less.
const keepPages = "1000000"

// slabCaches are the slab caches that were prepared for injections.
type slabCaches struct {
	mu  sync.Mutex
	met map[string]uint64 // by name, the inode of a cache's folder: one with its name may come again
	all bool              // some could not be exempted: nothing is filtered
}

// slabs are those of the running kernel.
var slabs slabCaches

// prepare keeps exempt caches out of what failslab may fail, and has all of them keep
// their pages. A cache is admitted by its attribute failslab, which kernels before 6.2
// take from their command line only (slub_debug=A,CACHE): where caches cannot be told
// apart, nothing is filtered.
func (s *slabCaches) prepare(debugfs, dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	caches, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list slab caches: %w", err)
	}
	for _, c := range caches {
		if err := s.meet(dir, c); err != nil && !gone(dir, c) {
			return fmt.Errorf("prepare slab cache %s: %w", c.Name(), err)
		}
	}
	filter := "Y"
	if s.all {
		filter = "N"
	}
	return os.WriteFile(filepath.Join(debugfs, "failslab/cache-filter"), []byte(filter), 0)
}

// gone reports whether the cache went while it was prepared.
func gone(dir string, cache os.DirEntry) bool {
	_, err := os.Lstat(filepath.Join(dir, cache.Name()))
	return errors.Is(err, fs.ErrNotExist)
}

// meet prepares a cache that it did not meet before.
func (s *slabCaches) meet(dir string, cache os.DirEntry) error {
	name := cache.Name()
	info, err := cache.Info()
	if err != nil {
		return err
	}
	inode := info.Sys().(*syscall.Stat_t).Ino
	if s.met[name] == inode {
		return nil
	}
	if err := os.WriteFile(filepath.Join(dir, name, "min_partial"), []byte(keepPages), 0); err != nil {
		return err
	}
	switch err := admit(filepath.Join(dir, name, "failslab"), !exempt[name]); {
	case errors.Is(err, os.ErrPermission):
		s.all = true
	case err != nil:
		return err
	}
	if s.met == nil {
		s.met = map[string]uint64{}
	}
	s.met[name] = inode
	return nil
}

// admit sets one cache's attribute unless it is set already.
func admit(file string, may bool) error {
	want := "0"
	if may {
		want = "1"
	}
	is, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(is)) == want {
		return err
	}
	return os.WriteFile(file, []byte(want), 0)
}
