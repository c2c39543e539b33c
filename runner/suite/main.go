package suite

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/result"
)

// Main is TestMain's host side: it runs the test binary that the process is
// itself in guests, as the flags of go test ask, and returns the exit status.
//
// With -test.list and -test.short no guest is needed: the tests run here, and
// skip themselves.
func Main(m *testing.M, known verdict.Issues) int {
	flag.Parse()
	if onHost() {
		return m.Run()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run, err := launchSelf(ctx, known)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	for _, line := range afterwards(run) {
		fmt.Fprintln(os.Stderr, line)
	}
	fmt.Print(LastLine(os.Args[1:], run))
	return ExitCode(run)
}

// onHost reports whether the flags ask for something that needs no guest.
func onHost() bool {
	list := flag.Lookup("test.list")
	return testing.Short() || list != nil && list.Value.String() != ""
}

func launchSelf(ctx context.Context, known verdict.Issues) (*result.Run, error) {
	ready, err := kernel.LoadReady()
	if err != nil {
		return nil, err
	}
	cache, err := kernel.CacheDir()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the test binary: %w", err)
	}
	l := Launch{
		Binary:  self,
		Args:    os.Args[1:],
		Kernel:  ready.Kernel,
		Stdout:  os.Stdout,
		Issues:  known,
		Command: strings.Join(os.Args, " "),
		Say:     func(s string) { fmt.Fprintln(os.Stderr, s) },
		Cache:   cache,
		Out:     os.Getenv("TEARDOWN_OUT"),
	}
	run, err := l.Run(ctx)
	if errors.Is(err, context.Canceled) {
		return nil, fmt.Errorf("interrupted")
	}
	return run, err
}

// afterwards says what the tests' own output does not: why a run in which no
// test failed is not good.
func afterwards(run *result.Run) []string {
	if run.Status() != result.NotProven {
		return nil
	}
	lines := []string{"the run proves nothing: " + run.Incomplete}
	if run.Incomplete == "" {
		lines = []string{"the run proves less than was asked for: see the unknown cases"}
	}
	return lines
}
