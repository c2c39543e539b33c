// Package image builds the initramfs of the guests.
//
// An image is two cpio archives one behind the other, which the kernel
// unpacks in turn (init/initramfs.c). The first is the base: a busybox of the
// supervisor (initramfs/cmd/init) and of u-root's commands, built by mkuimage with
// the go command. It takes seconds to build and changes
// rarely. The second holds what changes: the test binary and the kernel's
// modules. Both are cached by their content.
//
// In the guest:
//
//	/init                          the supervisor
//	/bbin/...                      u-root's commands
//	/teardown/tests.test           the test binary
//	/teardown/config-asked         the configuration that was asked for
//	/lib/modules/<release>/...     the modules
//
// with the dynamic linker and the libraries of a test binary that needs them.
package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/u-root/mkuimage/cpio"
)

// goModule is the path of the Go module that holds the supervisor.
const goModule = "netdev.test/teardown"

// Places in the guest. The supervisor knows them too; it does not import this
// package, which would make it large.
const (
	Dir    = "/teardown"           // working directory of the test binary
	Binary = Dir + "/tests.test"   // the test binary
	Asked  = Dir + "/config-asked" // Config.Asked, one a line
)

// Shell is the kernel argument that asks for a shell on the serial console
// instead of a run of the test binary.
const Shell = "teardown.shell"

// Places in the cache.
const (
	folder = "images"
	prefix = "base-" // of the name of a base
	suffix = ".cpio"
)

const (
	keep  = 24 * time.Hour // images unused for so long are removed
	align = 512            // where the second archive begins; the kernel wants 4
)

// Config says what goes into an image.
type Config struct {
	Binary   string   // the test binary
	Modules  string   // folder that holds lib/modules/<release>; "" for none
	Asked    []string // lines of configuration that the guest re-checks
	Cache    string   // folder to keep images in
	Building func()   // called before the base is built, which takes seconds; may be nil
}

// Build returns the path of the image for c, which it builds unless the cache
// has it. Images not asked for in a day are removed.
//
// Building the base needs the go command, and the working directory to be
// inside the repository: [ErrNoGo], [ErrNoModule].
func Build(ctx context.Context, c Config) (string, error) {
	dir := filepath.Join(c.Cache, folder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("image cache: %w", err)
	}
	base, err := buildBase(ctx, dir, c.Building)
	if err != nil {
		return "", fmt.Errorf("image: %w", err)
	}
	files, err := contents(c)
	if err != nil {
		return "", fmt.Errorf("image: %w", err)
	}
	sum, err := hash(base, files)
	if err != nil {
		return "", fmt.Errorf("image: %w", err)
	}
	out := filepath.Join(dir, sum+suffix)
	if whole(out) {
		// Marks it as used; if it cannot be, it is built again tomorrow.
		os.Chtimes(out, time.Time{}, time.Now())
		return out, nil
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := replace(out, func(f *os.File) error { return join(f, base, files) }); err != nil {
		return "", fmt.Errorf("image: %w", err)
	}
	prune(dir, base, out)
	return out, nil
}

// hash names an image by its content.
func hash(base string, files []file) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, filepath.Base(base))
	for _, f := range files {
		fmt.Fprintf(h, "%s %o\n", f.name, f.mode)
		r, size, err := f.open()
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, size)
		_, err = io.Copy(h, r)
		r.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:32], nil
}

// join writes the base and then files, each an archive of its own.
func join(out *os.File, base string, files []file) error {
	in, err := os.Open(base)
	if err != nil {
		return err
	}
	defer in.Close()
	n, err := io.Copy(out, in)
	if err != nil {
		return err
	}
	if _, err := out.Write(make([]byte, -n&(align-1))); err != nil {
		return err
	}
	w := cpio.Newc.Writer(out)
	var records []cpio.Record
	for _, f := range files {
		r, size, err := f.open()
		if err != nil {
			return err
		}
		defer r.Close()
		rec := cpio.StaticFile(f.name, "", f.mode)
		rec.FileSize, rec.ReaderAt = uint64(size), r
		records = append(records, rec)
	}
	if err := cpio.WriteRecordsAndDirs(w, records); err != nil {
		return err
	}
	return cpio.WriteTrailer(w)
}

// replace writes path by way of a temporary file, so that it is there as a
// whole or not at all.
func replace(path string, write func(*os.File) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	err = write(tmp)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// whole says whether path is an archive that ends as an archive does. A file
// that was cut short does not.
func whole(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	end := make([]byte, align)
	fi, err := f.Stat()
	if err != nil || fi.Size() < int64(len(end)) {
		return false
	}
	if _, err := f.ReadAt(end, fi.Size()-int64(len(end))); err != nil {
		return false
	}
	return strings.HasSuffix(strings.TrimRight(string(end), "\x00"), cpio.Trailer)
}

// prune removes the images in dir, but base and out, that nobody asked for in a day, and what
// builds that were interrupted left. Those that are in use are not at risk: QEMU
// reads an image once, when it starts.
func prune(dir, base, out string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		fi, err := e.Info()
		if err != nil || time.Since(fi.ModTime()) < keep || path == base || path == out {
			continue
		}
		if strings.HasSuffix(e.Name(), suffix) || strings.HasPrefix(e.Name(), ".new-") {
			os.RemoveAll(path)
		}
	}
}
