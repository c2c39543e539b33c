package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"netdev.test/teardown/runner/host"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/progress"
	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/suite"
)

// testLines are the kernel lines that "test" runs the suite on when none is
// given.
var testLines = []string{"6.12"}

const testAbout = `Run every test of the project: the unit tests on this machine, then the suite
in guests, once on each kernel. gotestsum prints the results.

In what it prints, tests@LINE is the suite on the kernel of that line, and
tests@LINE-PROFILE in another profile than the default one.`

const testExamples = `  # Everything, on the newest long-term line
  go run ./runner test -y

  # On all lines, with a JUnit report and the results under ./out
  go run ./runner test -y --kernel 5.10,6.1,6.12,7.2,7.3 --out out

  # Flags of go test
  go run ./runner test -- -run TestLifeCycle`

// testFlagValues are the flags of "test".
type testFlagValues struct {
	target
	out    string
	format string
}

func newTest() *cobra.Command {
	var f testFlagValues
	c := &cobra.Command{
		Use:     "test [flags] [-- flags of go test]",
		Short:   "Run all tests of the project, unit and in-guest",
		Long:    testAbout + "\n\n" + statuses,
		Example: testExamples,
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if at := c.ArgsLenAtDash(); at > 0 || at < 0 && len(args) > 0 {
				return usage(c, fmt.Errorf("unexpected argument %q (flags for go test come after --)", args[0]))
			}
			return f.run(c, args)
		},
	}
	f.flags(c)
	c.Flags().Lookup("kernel").Usage = "kernel `LINE`s by number: " + lineNames() + " (default: " + strings.Join(testLines, ", ") + ")"
	c.Flags().StringVar(&f.out, "out", "", "`DIR` for junit.xml and the results (default: runs/test in the cache)")
	c.Flags().StringVar(&f.format, "format", "pkgname", "what gotestsum prints while it runs: pkgname, testname, dots, ...")
	addYes(c)
	return c
}

func (f *testFlagValues) run(c *cobra.Command, args []string) error {
	if len(f.lines) == 0 && f.tree == "" && f.image == "" {
		f.lines = testLines
	}
	requests, err := f.requests()
	if err != nil {
		return usage(c, err)
	}
	w, err := newWork(c)
	if err != nil {
		return err
	}
	defer w.display.Close()
	ctx := c.Context()
	if err := w.ensure(ctx, host.Boot|host.Check|f.need()); err != nil {
		return err
	}
	out := f.out
	if out == "" {
		out = filepath.Join(w.cache, "runs", "test")
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	var parts []testPart
	for _, r := range requests {
		k, err := w.kernel(ctx, r)
		if err != nil {
			return err
		}
		parts = append(parts, suitePart(k, out))
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return fmt.Errorf("make the folder of the results: %w", err)
	}
	unit, err := w.unitPart(ctx)
	if err != nil {
		return err
	}
	status, err := w.gotestsum(ctx, append([]testPart{unit}, parts...), args, out, f.format)
	if err == nil && status != statusGood {
		err = statusError(status)
	}
	return err
}

// testPart is one call of go test.
type testPart struct {
	label    string
	packages []string
	env      []string
	out      string // folder of the suite's results, "" for unit tests
	suffix   string // of the packages' names in the report
}

// suitePart is the suite on the kernel k.
func suitePart(k kernel.Kernel, out string) testPart {
	label := suite.Label(k)
	out = filepath.Join(out, label)
	named := "" // a finished kernel is the one that was got ready last
	if file := filepath.Join(filepath.Dir(k.Image), "kernel.json"); fileExists(file) {
		named = file
	}
	return testPart{
		label:    "suite on " + profiled(k.Release, k.Profile),
		packages: []string{"./tests"},
		env:      []string{"CGO_ENABLED=0", "TEARDOWN_OUT=" + out, "TEARDOWN_KERNEL=" + named},
		out:      out,
		suffix:   "@" + label,
	}
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// unitPart is all packages but the suite.
func (w *work) unitPart(ctx context.Context) (testPart, error) {
	c := groupCommand(ctx, "go", "list", "./...")
	c.Dir = w.root
	var out, said strings.Builder
	c.Stdout, c.Stderr = &out, &said
	if err := groups.run(ctx, c); err != nil {
		return testPart{}, fmt.Errorf("list the packages: %w: %s", err, strings.TrimSpace(said.String()))
	}
	p := testPart{label: "unit tests"}
	for _, name := range strings.Fields(out.String()) {
		if name != modulePath+"/tests" {
			p.packages = append(p.packages, name)
		}
	}
	return p, nil
}

// gotestsum runs the parts one after the other and has gotestsum report them as
// one. It returns the worst status.
func (w *work) gotestsum(ctx context.Context, parts []testPart, args []string, out, format string) (int, error) {
	w.display.Phase("gotestsum")
	tool, err := w.tool(ctx, "gotestsum")
	if err != nil {
		return 0, err
	}
	// gotestsum reads test2json from a command, here cat(1), which reads what
	// this process writes. So go test is this process's own child: its signals
	// and its exit status are not hidden behind another's.
	argv := []string{tool, "--format", format, "--junitfile", filepath.Join(out, "junit.xml")}
	if progress.ModeOf(os.Stdout) == progress.Terminal && os.Getenv("NO_COLOR") == "" {
		argv = append(argv, "--no-color=false")
	}
	// It must see all that was written even when ctx ends: then it prints its
	// summary and ends by itself.
	sum := groupCommand(context.WithoutCancel(ctx), append(argv, "--raw-command", "--", "cat")...)
	sum.Dir = w.root
	sum.Stdout, sum.Stderr = w.display.Above(os.Stdout), w.display.Above(os.Stderr)
	events, err := sum.StdinPipe()
	if err != nil {
		return 0, fmt.Errorf("gotestsum: %w", err)
	}
	if err := sum.Start(); err != nil {
		return 0, fmt.Errorf("gotestsum: %w", err)
	}
	status := statusGood
	for _, p := range parts {
		if ctx.Err() != nil {
			break
		}
		var s int
		if s, err = w.goTest(ctx, p, args, events); err != nil {
			break
		}
		status = worse(status, s)
	}
	w.display.Phase("summary")
	events.Close() //nolint:errcheck // its reader may be gone, which Wait tells
	w.display.Pause()
	sumErr := groups.wait(context.WithoutCancel(ctx), sum)
	return sumStatus(ctx, status, err, sumErr)
}

// sumStatus puts together how go test and gotestsum ended.
func sumStatus(ctx context.Context, status int, err, sumErr error) (int, error) {
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case err != nil:
		return 0, err
	case sumErr != nil:
		return 0, fmt.Errorf("gotestsum: %w", sumErr)
	}
	return status, nil
}

// tool returns the path of one of the module's tools, which it builds if need
// be.
func (w *work) tool(ctx context.Context, name string) (string, error) {
	c := groupCommand(ctx, "go", "tool", "-n", name)
	c.Dir = w.root
	var out, said strings.Builder
	c.Stdout, c.Stderr = &out, &said
	if err := groups.run(ctx, c); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", name, err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// goTest runs go test on one part, and copies its events to a writer. It returns
// the status of the part.
func (w *work) goTest(ctx context.Context, p testPart, args []string, events io.Writer) (int, error) {
	w.display.Phase(p.label)
	argv := append([]string{"go", "test", "-json", "-count=1", "-timeout=45m"}, args...)
	c := groupCommand(ctx, append(argv, p.packages...)...)
	c.Dir = w.root
	c.Env = append(os.Environ(), p.env...)
	relay := &relay{to: events, suffix: p.suffix, step: w.display.Step}
	c.Stdout, c.Stderr = relay, w.display.Above(os.Stderr)
	if p.out != "" { // what is read afterwards must come from this run
		if err := os.Remove(filepath.Join(p.out, result.JSONFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, fmt.Errorf("remove old results: %w", err)
		}
	}
	err := groups.run(ctx, c)
	if err == nil {
		return statusGood, relay.err
	}
	if _, ended := errors.AsType[*exec.ExitError](err); !ended {
		return 0, fmt.Errorf("go test: %w", err)
	}
	return p.failed(), relay.err
}

// failed is the status of a part whose go test failed, which says only that:
// the suite's results tell a regression from what could not be seen.
func (p testPart) failed() int {
	if p.out == "" {
		return statusRegression
	}
	run, err := result.Read(filepath.Join(p.out, result.JSONFile))
	if err != nil { // it did not get that far
		return statusIncomplete
	}
	if s := run.Status(); s != statusGood {
		return s
	}
	return statusRegression
}
