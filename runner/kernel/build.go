package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"netdev.test/teardown/kconfigs"
)

// A build is one kernel being built in a folder of the cache; the caller holds
// the lock that goes with the folder.
type build struct {
	*getter
	name    string // of the build folder
	tree    string // source, only read
	options []kconfigs.Option
	what    string // for messages: "linux 6.12"
	ofTree  string // the developer's tree, "" for a line
	kernel  Kernel // what is known of it before
	base    *entry // the kernel is taken from there, not from the folder
	log     *os.File
	resumed bool   // the folder holds an earlier build
	built   bool   // the folder holds the whole kernel, built by this run
	steps   int64  // that make took for all of it, 0 if resumed
	module  string // our own module, "" before it is built
}

// fixed are make's variables that keep the time, the place and the state of
// the source's repository out of the kernel.
var fixed = []string{
	"ARCH=x86_64",
	"KBUILD_BUILD_TIMESTAMP=1970-01-01",
	"KBUILD_BUILD_USER=teardown",
	"KBUILD_BUILD_HOST=teardown",
	"KBUILD_BUILD_VERSION=1",
}

func (b *build) dir() string { return filepath.Join(b.cache, "builds", b.name) }
func (b *build) out() string { return filepath.Join(b.dir(), "out") }

// run takes the steps and stores what they made. key names the entry, given the
// hash of its content.
func (b *build) run(ctx context.Context, key func(content string) string, steps ...func(context.Context) error) (entry, error) {
	if err := b.open(); err != nil {
		return entry{}, err
	}
	defer b.log.Close()
	began := time.Now()
	var err error
	for _, step := range steps {
		if err == nil {
			err = step(ctx)
		}
	}
	if err = b.settle(err); err != nil {
		return entry{}, err
	}
	seconds := time.Since(began).Seconds()
	e, err := b.store(ctx, seconds, key)
	if err != nil {
		return entry{}, fmt.Errorf("storing the kernel: %w", err)
	}
	return e, nil
}

// runningMark stands in a build folder while make works there.
const runningMark = "running"

// open makes the build folder. One in which make was killed, or the machine
// stopped, may hold files cut short that make would take for finished: it
// begins anew. One in which make ended by itself is built on.
func (b *build) open() error {
	mark := filepath.Join(b.dir(), runningMark)
	if _, err := os.Stat(mark); err == nil {
		if err := os.RemoveAll(b.out()); err != nil {
			return err
		}
	}
	_, err := os.Stat(filepath.Join(b.out(), "include/generated"))
	b.resumed = err == nil
	if err := os.MkdirAll(b.out(), 0o700); err != nil {
		return err
	}
	if err := checkSpace(b.cache, buildSpace); err != nil {
		return err
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return err
	}
	b.log, err = os.OpenFile(filepath.Join(b.dir(), "make.log"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	return err
}

// errKilled marks a command that was killed while it may have been writing.
var errKilled = errors.New("killed")

// settle decides whether the folder can be built on after err.
func (b *build) settle(err error) error {
	if errors.Is(err, errKilled) {
		return err // the mark stays
	}
	// Asked before the folder goes: that makes room.
	if err = diskFull(err, b.cache); errors.Is(err, ErrDiskFull) {
		return cmp.Or(os.RemoveAll(b.dir()), err)
	}
	return cmp.Or(err, os.Remove(filepath.Join(b.dir(), runningMark)))
}

// make runs make in the build folder.
func (b *build) make(ctx context.Context, progress io.Writer, args ...string) error {
	return b.logged(ctx, b.makeCommand(ctx, args...), progress)
}

func (b *build) makeCommand(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{"-C", b.tree, "O=" + b.out(), "-j" + strconv.Itoa(b.jobs), compiler(), b.localVersion()}, fixed...)
	return newCommand(ctx, "make", append(all, args...)...)
}

// localVersion is the end of the kernel's release. Given, it also keeps
// setlocalversion from adding "+".
func (b *build) localVersion() string {
	if !b.kernel.Real() {
		return "LOCALVERSION=" + mutantsSuffix
	}
	return "LOCALVERSION=-teardown"
}

// logged runs a command with its output in the log; when it fails by itself
// the error is a BuildError that quotes the log.
func (b *build) logged(ctx context.Context, cmd *exec.Cmd, progress io.Writer) error {
	if _, err := fmt.Fprintln(b.log, strings.Join(cmd.Args, " ")); err != nil {
		return err
	}
	from, err := b.log.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	cmd.Stdout = b.log
	if progress != nil {
		cmd.Stdout = io.MultiWriter(b.log, progress)
	}
	cmd.Stderr = b.log
	err = run(ctx, cmd)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case killed(cmd):
		return fmt.Errorf("%w: %w", err, errKilled)
	case !errors.As(err, &exit):
		return err
	}
	said, readErr := os.ReadFile(b.log.Name())
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	return &BuildError{What: b.what, First: firstError(string(said[min(from, int64(len(said))):])), Log: b.log.Name()}
}

// compile builds the image and the modules.
func (b *build) compile(ctx context.Context) error {
	total := b.foretold()
	b.report.step(StepCompile, b.what, total, total > 0)
	m := &makeSteps{report: b.report.done}
	err := b.make(ctx, m, "bzImage", "modules")
	if !b.resumed {
		b.steps = m.count
	}
	b.built = err == nil
	return err
}

// firstBuildSteps are make's steps for profile leak of line 6.1, the guess
// when nothing was built here before.
const firstBuildSteps = 1650

// foretold returns how many steps make will take: as many as for the whole
// build of this profile that was done here last, of the same line if there was
// one. It is 0, for not known, when make goes on from an earlier build.
func (b *build) foretold() int64 {
	if b.resumed {
		return 0
	}
	best := entry{Steps: firstBuildSteps}
	for _, e := range entries(b.cache) {
		if e.Steps == 0 || e.Profile != b.kernel.Profile {
			continue
		}
		mine, bests := e.Line == b.kernel.Line, best.Line == b.kernel.Line
		if mine && !bests || mine == bests && e.Built.After(best.Built) {
			best = e
		}
	}
	return best.Steps
}

// store copies the kernel out of the build folder into its entry.
func (b *build) store(ctx context.Context, seconds float64, key func(content string) string) (entry, error) {
	b.report.step(StepInstall, b.what, 0, false)
	tmp, err := b.scratch("kernel-" + b.name)
	if err != nil {
		return entry{}, err
	}
	defer os.RemoveAll(tmp)
	e := entry{Kernel: b.kernel, Steps: b.steps, Seconds: seconds, Built: time.Now().UTC(), Tree: b.ofTree}
	if err := b.collect(ctx, tmp, &e.Kernel); err != nil {
		return entry{}, err
	}
	files, err := digestTree(tmp)
	if err != nil {
		return entry{}, err
	}
	e.ConfigHash = files[entryConfig].SHA256
	e.Asked = optionLines(b.options)
	dir := b.entryDir(key(hashOf(files)))
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return entry{}, err
	}
	old, ok, err := takeEntry(dir)
	if err != nil || !ok {
		if err != nil {
			return entry{}, err
		}
		return storeEntry(tmp, dir, e)
	}
	// The same content again, from a tree that may have moved on.
	old.Source, old.Built = e.Source, e.Built
	return old, writeJSON(filepath.Join(dir, entryFile), old)
}

// collect copies image, configuration and modules into dir.
func (b *build) collect(ctx context.Context, dir string, k *Kernel) error {
	if err := b.collectKernel(ctx, dir, k); err != nil || b.module == "" {
		return err
	}
	return b.collectModule(filepath.Join(k.Modules, "lib/modules", k.Release))
}

func (b *build) collectKernel(ctx context.Context, dir string, k *Kernel) error {
	if b.base != nil {
		*k = b.base.Kernel
		k.Image, k.Modules = filepath.Join(dir, entryImage), filepath.Join(dir, entryMods)
		return copyEntry(*b.base, dir)
	}
	image := filepath.Join(dir, entryImage)
	for from, to := range map[string]string{"arch/x86/boot/bzImage": image, ".config": filepath.Join(dir, entryConfig)} {
		path := filepath.Join(b.out(), from)
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if err := copyFile(path, to, info); err != nil {
			return err
		}
	}
	var err error
	if k.Release, err = imageRelease(image); err != nil {
		return err
	}
	k.Modules = filepath.Join(dir, entryMods)
	if err := b.make(ctx, nil, "modules_install", "INSTALL_MOD_PATH="+k.Modules); err != nil {
		return err
	}
	return tidyModules(filepath.Join(k.Modules, "lib/modules", k.Release))
}

// tidyModules removes the links to the source and the build, which lead out
// of the cache's entry, and checks that there are modules.
func tidyModules(dir string) error {
	for _, link := range []string{"build", "source"} {
		if err := os.Remove(filepath.Join(dir, link)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "kernel")); err != nil {
		return fmt.Errorf("modules_install installed no modules: %w", err)
	}
	return nil
}
