package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/host"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/progress"
	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/suite"
)

// work is what the commands that do something have in common: where things are
// and the display.
type work struct {
	display *progress.Display
	root    string // folder of the module
	cache   string
	yes     bool
	ready   bool // the kernel that a plain go test boots is chosen
}

// newWork returns the common part of c's work. Close its display.
func newWork(c *cobra.Command) (*work, error) {
	cache, err := kernel.CacheDir()
	if err != nil {
		return nil, err
	}
	root, err := moduleRoot(c.Context())
	if err != nil {
		return nil, err
	}
	yes, err := yesFlag(c)
	if err != nil {
		return nil, err
	}
	d, err := newDisplay(c)
	return &work{display: d, root: root, cache: cache, yes: yes}, err
}

// yesFlag is the value of --yes, false for a command that lacks it.
func yesFlag(c *cobra.Command) (bool, error) {
	if c.Flags().Lookup("yes") == nil {
		return false, nil
	}
	return c.Flags().GetBool("yes")
}

func addYes(c *cobra.Command) {
	c.Flags().BoolP("yes", "y", false, "agree to the installation of what is missing on this machine")
}

// newDisplay returns the display on standard error. It rewrites its line only
// when standard output is a terminal, too.
func newDisplay(c *cobra.Command) (*progress.Display, error) {
	quiet, err := c.Flags().GetBool("quiet")
	if err != nil {
		return nil, err
	}
	mode := progress.ModeOf(os.Stderr)
	switch {
	case quiet:
		mode = progress.Quiet
	case progress.ModeOf(os.Stdout) != progress.Terminal:
		mode = progress.Plain
	}
	return progress.New(os.Stderr, mode), nil
}

// modulePath is the path of the Go module that holds the suite.
const modulePath = "netdev.test/teardown"

// moduleRoot returns the folder of the module, in which the working directory
// must be: the suite is compiled from it.
func moduleRoot(ctx context.Context) (string, error) {
	c := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}")
	out, err := c.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("go is not in PATH: install Go (https://go.dev/dl) and add its bin folder to PATH")
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	path, dir, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || path != modulePath || dir == "" {
		return "", errors.New("not inside teardown's source tree: go to the folder that holds its go.mod, and start it there with " + name)
	}
	return dir, nil
}

// ensure sees to it that the machine has what need asks for.
func (w *work) ensure(ctx context.Context, need host.Need) error {
	in := host.NewInstaller(filepath.Join(w.cache, "install.log"))
	in.Yes = w.yes
	in.Out = w.display.Above(os.Stderr)
	begun := false
	in.Step = func(line string) {
		if !begun {
			begun = true
			w.display.Phase("install packages")
		}
		w.display.Step(line, 0, 0)
	}
	if term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())) {
		in.Ask = ask
	}
	return in.Ensure(ctx, need)
}

// ask asks a question at the terminal. No answer is no.
func ask(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(os.Stderr, "%s [y/N] ", question)
	type reply struct {
		line string
		err  error
	}
	replies := make(chan reply, 1)
	go func() { // ends with the process at the latest: a read of a terminal cannot be called off
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		replies <- reply{line, err}
	}()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case r := <-replies:
		if r.err != nil && r.err != io.EOF {
			return false, r.err
		}
		answer := strings.ToLower(strings.TrimSpace(r.line))
		return answer == "y" || answer == "yes", nil
	}
}

// kernel gets the kernel of a request. The first real one becomes the one that a
// plain "go test ./tests" boots.
func (w *work) kernel(ctx context.Context, r kernel.Request) (kernel.Kernel, error) {
	w.display.Phase(label(r))
	k, err := kernel.Get(ctx, r, kernel.Options{CacheDir: w.cache, Progress: w.building})
	if err != nil || w.ready || !k.Real() {
		return k, err
	}
	w.ready = true
	return k, kernel.SaveReady(kernel.Ready{Kernel: k})
}

// building shows how far a kernel is.
func (w *work) building(p kernel.Progress) {
	text := strings.TrimSpace(string(p.Step) + " " + p.Detail)
	const mega = 1 << 20
	if p.Step == kernel.StepDownload {
		if p.Total > 0 {
			text += fmt.Sprintf(" (%d of %d MiB)", p.Done/mega, (p.Total+mega-1)/mega)
		}
		w.display.Step(text, 0, 0)
		return
	}
	w.display.Step(text, int(p.Done), int(p.Total))
}

// compile builds the suite's test binary into a folder of its own in the cache.
// Call remove when it is no longer needed.
func (w *work) compile(ctx context.Context) (binary string, took result.Phase, remove func(), err error) {
	w.display.Phase("compile the suite")
	if err := os.MkdirAll(w.cache, 0o700); err != nil {
		return "", took, nil, fmt.Errorf("make the cache: %w", err)
	}
	dir, err := os.MkdirTemp(w.cache, "suite-")
	if err != nil {
		return "", took, nil, fmt.Errorf("make a folder for the suite: %w", err)
	}
	remove = func() { os.RemoveAll(dir) }
	binary = filepath.Join(dir, "tests.test")
	began := time.Now()
	c := groupCommand(ctx, "go", "test", "-c", "-o", binary, "./tests")
	c.Dir = w.root
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := groups.run(ctx, c); err != nil {
		remove()
		if _, ended := errors.AsType[*exec.ExitError](err); ended {
			err = fmt.Errorf("the suite does not compile:\n%s", strings.TrimSpace(said.String()))
		}
		return "", took, nil, err
	}
	took = result.Phase{Name: "host compile", Seconds: time.Since(began).Seconds()}
	return binary, took, remove, nil
}

// issues reads the list of known issues.
func (w *work) issues() (verdict.Issues, error) {
	text, err := os.ReadFile(filepath.Join(w.root, "tests", "known-issues.toml"))
	if err != nil {
		return nil, fmt.Errorf("known issues: %w", err)
	}
	return verdict.LoadKnown(text)
}

// event shows how far the suite is.
func (w *work) event(e suite.Event) {
	text := e.Phase
	if e.Case != "" {
		text = e.Case
		if e.Step > 0 {
			text += fmt.Sprintf(" (%d", e.Step)
			if e.Of > 0 {
				text += fmt.Sprintf(" of %d", e.Of)
			}
			text += ")"
		}
	}
	w.display.Step(text, e.Done, e.Wanted)
}
