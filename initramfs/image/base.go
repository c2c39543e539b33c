package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/u-root/gobusybox/src/pkg/golang"
	"github.com/u-root/mkuimage/uimage"
	"github.com/u-root/uio/llog"
	"golang.org/x/mod/modfile"
)

// What the base needs from where it is built.
var (
	ErrNoModule = errors.New("not inside the teardown repository: change to it")
	ErrNoGo     = errors.New("go command not found in PATH: install Go (https://go.dev/dl)")
)

// sources are the folders of this module, below its root, that the supervisor
// is compiled from.
var sources = []string{"initramfs/cmd/init", "initramfs/verdict", "initramfs/wire"}

// buildOpts are gobusybox's. It always passes -a, which has the compiler
// forget all that it compiled before; a later -a=false wins.
var buildOpts = golang.BuildOpts{ExtraArgs: []string{"-a=false"}}

// shellTag has gosh read lines from a plain terminal, such as a serial line,
// and leave out its editor, which is large.
const shellTag = "goshsmall"

// buildBase returns the path of the base archive, which it builds if it is
// not in dir. Only one process builds; the others wait for it.
func buildBase(ctx context.Context, dir string, building func()) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	key, err := baseKey(root)
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, prefix+key+suffix)
	if whole(out) {
		os.Chtimes(out, time.Time{}, time.Now())
		return out, nil
	}
	lock := flock.New(filepath.Join(dir, ".lock"), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return "", fmt.Errorf("wait for another build: %w", err)
	}
	defer lock.Close()
	if whole(out) {
		return out, nil
	}
	if building != nil {
		building()
	}
	return out, compile(ctx, root, out)
}

// baseKey names the base by everything that it is made from.
func baseKey(root string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOARCH, os.Getenv("GOFLAGS"), os.Getenv("GOAMD64"), os.Getenv("GOEXPERIMENT"))
	fmt.Fprintln(h, commands(), buildOpts, shellTag)
	names := []string{"go.mod", "go.sum"}
	for _, dir := range sources {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
				names = append(names, filepath.Join(dir, e.Name()))
			}
		}
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, name, len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// compile builds the base. When ctx ends it returns at once and leaves the
// compiler to end by itself: what it makes is in a folder of its own.
func compile(ctx context.Context, root, out string) error {
	if _, err := exec.LookPath("go"); err != nil {
		return ErrNoGo
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), ".new-*")
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer os.RemoveAll(tmp)
		made := filepath.Join(tmp, "base.cpio")
		err := create(root, tmp, made)
		if err == nil {
			err = syncFile(made)
		}
		if err == nil {
			err = os.Rename(made, out)
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// create has mkuimage build the base.
func create(root, tmp, out string) error {
	var said bytes.Buffer
	log := llog.New(slog.LevelWarn, func(format string, args ...any) { fmt.Fprintf(&said, format+"\n", args...) })
	env := golang.Default(golang.DisableCGO(), golang.WithGOARCH(runtime.GOARCH), golang.WithBuildTag(shellTag), golang.WithWorkingDir(root))
	err := uimage.Create(log,
		uimage.WithReplaceEnv(env),
		uimage.WithBusyboxCommands(commands()...),
		uimage.WithBusyboxBuildOpts(&buildOpts),
		uimage.WithInit("init"),
		uimage.WithBaseArchive(uimage.DefaultRamfs()),
		uimage.WithTempDir(tmp),
		uimage.WithCPIOOutput(out),
	)
	if err != nil {
		return fmt.Errorf("build u-root and the supervisor: %w\n%s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// syncFile has path written to the disk, so that its new name cannot survive
// a power cut without its content.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// moduleRoot finds the root of the repository, from the working directory up.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modfile.ModulePath(data) == goModule {
			return dir, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", ErrNoModule
		}
		dir = parent
	}
}

func sortByName(files []file) {
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
}
