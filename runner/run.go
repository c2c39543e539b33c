package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/host"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/suite"
	"netdev.test/teardown/runner/vm"
)

// runFlags are the flags of "run".
type runFlags struct {
	target
	filter  string
	out     string
	accel   string
	vms     int
	verbose bool
}

const runAbout = `Set the machine up, get the kernel, build it, boot it and run the suite in it.

Everything that takes long is kept in the cache, so that the next run begins
with the boot. Afterwards a plain "go test ./tests" uses the same kernel, the
first one of several.

Of several lines and profiles each line runs in each profile, one after the
other; at the end comes one verdict of all.`

const runExamples = `  # The newest long-term kernel
  go run ./runner run -y

  # A patched tree, only the cases of bond, with all of go test's output
  go run ./runner run --tree ~/src/linux --run '/bond' -v

  # A finished kernel and its modules
  go run ./runner run --image bzImage --modules /tmp/mod

  # The newest long-term kernel with leak detection, sanitizers, lock checks
  go run ./runner run --profile leak,san,lock

  # Two lines in all profiles, one after the other; results under ./out
  go run ./runner run --kernel 6.1,6.12 --profile all --out out

  # Flags of go test for the suite
  go run ./runner run -- -count=3 -failfast`

func newRun() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:     "run [flags] [-- flags of the test binary]",
		Short:   "Run the suite on a kernel, from nothing to a verdict",
		Long:    runAbout + "\n\n" + statuses,
		Example: runExamples,
		Args:    cobra.ArbitraryArgs, // those after --
		RunE: func(c *cobra.Command, args []string) error {
			args, err := testFlags(c, args)
			if err != nil {
				return err
			}
			return f.run(c, args)
		},
	}
	f.flags(c)
	fs := c.Flags()
	fs.StringVar(&f.filter, "run", "", "run only the cases that match `REGEXP`, as go test -run does")
	fs.StringVar(&f.out, "out", "", "`DIR` for the results (default: a new one under runs/ in the cache)")
	fs.StringVar(&f.accel, "accel", "auto", "what executes the guest: auto, kvm or tcg")
	fs.IntVar(&f.vms, "vms", 0, "`N` guests at a time (default: what the profile asks for, else one per CPU, at most 2)")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "show what go test prints")
	addYes(c)
	return c
}

// parseAccel returns the accelerator that --accel names, "" for auto.
func parseAccel(name string) (vm.Accel, error) {
	switch name {
	case "auto":
		return "", nil
	case string(vm.KVM), string(vm.TCG):
		return vm.Accel(name), nil
	}
	return "", fmt.Errorf("--accel %s: choose auto, kvm or tcg", name)
}

func (f *runFlags) run(c *cobra.Command, args []string) error {
	accel, err := parseAccel(f.accel)
	if err != nil {
		return usage(c, err)
	}
	if f.vms < 0 {
		return usage(c, fmt.Errorf("--vms %d: give a number of guests", f.vms))
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
	if err := w.ensure(ctx, host.Boot|f.need()); err != nil {
		return err
	}
	if f.filter != "" {
		args = append([]string{"-test.run=" + f.filter}, args...)
	}
	one := oneRun{work: w, args: args, accel: accel, vms: f.vms, verbose: f.verbose}
	if one.issues, err = w.issues(); err != nil {
		return err
	}
	return one.all(ctx, requests, f.out)
}

// oneRun is what the runs on several kernels share.
type oneRun struct {
	*work
	args    []string
	issues  verdict.Issues
	accel   vm.Accel
	vms     int
	verbose bool

	binary   string
	compiled result.Phase
}

// all runs the suite on each kernel.
func (o *oneRun) all(ctx context.Context, requests []kernel.Request, out string) error {
	defer o.remove()
	status := statusGood
	if len(requests) == 1 {
		run, err := o.onKernel(ctx, requests[0], out)
		if err != nil {
			return err
		}
		status = run.Status()
	} else {
		var err error
		if status, err = o.matrix(ctx, requests, out); err != nil {
			return err
		}
	}
	if status != statusGood {
		return statusError(status)
	}
	return nil
}

// matrix runs the suite on several kernels, and prints the verdict of all. A
// kernel that cannot be had does not keep the others from being tried; the worst
// status is the command's.
func (o *oneRun) matrix(ctx context.Context, requests []kernel.Request, out string) (int, error) {
	if out == "" {
		var err error
		if out, err = suite.NewOut(o.cache, "matrix"); err != nil {
			return 0, err
		}
	}
	status := statusGood
	var runs []*result.Run
	for _, r := range requests {
		folder := filepath.Join(out, folderName(r, requests))
		began := time.Now()
		run, err := o.onKernel(ctx, r, folder)
		switch {
		case ctx.Err() != nil && err != nil:
			return 0, err
		case err != nil:
			fmt.Fprintln(o.display.Above(os.Stderr), message(fmt.Errorf("%s: %w", label(r), err)))
			status = worse(status, statusOf(err))
			if run, err = noRun(r, began, err, folder); err != nil {
				return 0, err
			}
		default:
			status = worse(status, run.Status())
		}
		runs = append(runs, run)
		fmt.Fprintln(o.display.Above(os.Stdout))
	}
	if err := result.Summary(o.display.Above(os.Stdout), runs, result.TerminalStyle(os.Stdout, "")); err != nil {
		return 0, fmt.Errorf("print the verdict: %w", err)
	}
	fmt.Fprintf(o.display.Above(os.Stderr), "results of all: %s\n", out)
	return status, nil
}

// noRun leaves in folder why there is no run on a kernel, for "report".
func noRun(r kernel.Request, began time.Time, why error, folder string) (*result.Run, error) {
	if r.Profile == "" {
		r.Profile = usualProfile()
	}
	run := &result.Run{
		Tool:       result.Tool{Version: version()},
		Command:    commandLine(),
		Started:    began,
		Seconds:    time.Since(began).Seconds(),
		Kernel:     result.Kernel{Line: r.Line, Source: label(r), Profile: r.Profile},
		Incomplete: why.Error(),
	}
	run.Account(nil)
	return run, result.Write(folder, run)
}

// remove removes the suite's binary, if it was built.
func (o *oneRun) remove() {
	if o.binary != "" {
		os.RemoveAll(filepath.Dir(o.binary))
	}
}

// folderName names the folder for the results of one of several requests: by
// its line and its profile, as far as they tell it from the others.
func folderName(r kernel.Request, all []kernel.Request) string {
	several := func(of func(kernel.Request) string) bool {
		return slices.ContainsFunc(all, func(o kernel.Request) bool { return of(o) != of(r) })
	}
	var parts []string
	if r.Line != "" {
		parts = append(parts, r.Line)
	}
	if several(func(o kernel.Request) string { return o.Profile }) {
		parts = append(parts, r.Profile)
	}
	return strings.Join(parts, "-")
}

// onKernel gets one kernel, runs the suite on it and prints the verdict.
func (o *oneRun) onKernel(ctx context.Context, r kernel.Request, out string) (*result.Run, error) {
	began := time.Now()
	k, err := o.kernel(ctx, r)
	if err != nil {
		return nil, err
	}
	phases := []result.Phase{{Name: "kernel", Seconds: time.Since(began).Seconds()}}
	if o.binary == "" {
		if o.binary, o.compiled, _, err = o.compile(ctx); err != nil {
			return nil, err
		}
		phases = append(phases, o.compiled)
	}
	if out == "" {
		if out, err = suite.NewOut(o.cache, suite.Label(k)); err != nil {
			return nil, err
		}
	}
	log, err := openLog(out)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	stdout := io.Writer(log)
	if o.verbose {
		stdout = io.MultiWriter(log, o.display.Above(os.Stdout))
	}
	o.display.Phase("suite on " + profiled(k.Release, k.Profile))
	l := suite.Launch{
		Binary: o.binary, Args: append([]string{"-test.v=true"}, o.args...), Kernel: k,
		Accel: o.accel, VMs: o.vms, Out: out, Stdout: stdout, Issues: o.issues,
		Command: commandLine(), Phases: phases, Cache: o.cache, Progress: o.event,
		Say: func(s string) { fmt.Fprintln(o.display.Above(os.Stderr), s) },
	}
	run, err := l.Run(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(out, result.JSONFile)
	if err := result.Text(o.display.Above(os.Stdout), run, result.TerminalStyle(os.Stdout, file)); err != nil {
		return nil, fmt.Errorf("print the verdict: %w", err)
	}
	fmt.Fprintf(o.display.Above(os.Stderr), "results: %s\n", out)
	return run, nil
}

// logFile has all that go test would have printed.
const logFile = "tests.log"

func openLog(out string) (*os.File, error) {
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the results: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(out, logFile), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the log of the tests: %w", err)
	}
	return f, nil
}

// commandLine is the command line of this process as people type it.
func commandLine() string {
	words := []string{name}
	for _, a := range os.Args[1:] {
		words = append(words, shellWord(a))
	}
	return strings.Join(words, " ")
}

// shellWord quotes s for a shell where that is needed.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("-_./:=@%+,~", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
