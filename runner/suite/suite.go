// Package suite runs the tests in guests: it starts them, hands each case to
// exactly one of them, sees what becomes of it, starts others when one dies,
// prints what go test would print, and makes the result of the run.
//
// # What a test ends with
//
// A case's verdict comes twice: as a message, and as the end of its Go
// test. They must agree, else the case is unknown. A case is unknown too if one
// of the two never comes.
//
// When a guest dies, the case that was provoking fails with the kernel's last
// words. A case that had settled, and waited for the leak scan, is run
// again in a guest that is granted nothing else; if it is left without a verdict
// once more, it is unknown. A death that no case is charged with leaves the run
// incomplete, whatever its cases end with.
//
// The guests that come after those that the run begins with do not boot: the first of
// them is saved when it is ready, and the others go on from there. Should that fail,
// they boot.
//
// # Repetition
//
// With -test.count=n the suite is run n times, one after the other, each time
// in fresh guests. A case has one entry in the result for each time.
package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/gotest"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/vm"
)

// Config describes a run.
type Config struct {
	Args      []string       // of the test binary on the host: -test.run=..., as go test gives them
	Kernel    kernel.Kernel  // under test
	Initramfs string         // image that holds the test binary
	QEMU      string         // path, "" for the one in PATH
	Append    []string       // kernel arguments, after those of [Append]
	MemoryMiB int            // of a guest; 0 means vm.DefaultMemoryMiB
	Accel     vm.Accel       // "" means TCG
	Scale     int            // factor of the deadlines, besides that of Accel; 0 means 1
	VMs       int            // guests at a time; 0 means one per CPU, at most 2
	Env       []string       // of the test binary in the guest, in addition
	Out       string         // folder for the results and the consoles
	Stdout    io.Writer      // gets what go test prints, but for the last PASS or FAIL
	Progress  func(Event)    // called by one goroutine at a time; may be nil
	Issues    verdict.Issues // known issues

	// For the result.
	MutantOn string // which of the kernel's mutants is on, "" for none
	Tool     result.Tool
	Command  string // command line that started the run
	Host     result.Host
	Phases   []result.Phase // what was spent before

	// Booter starts the guests; nil means QEMU.
	Booter Booter
	// LastWords picks from the end of a dead guest's console what it died of,
	// in one line that is the same whenever the same bug is met ("" if
	// the console does not tell), and the lines that show it; nil means klog's.
	LastWords func(console []byte) (title string, lines []string)
	// Idle is how long a guest may show no sign of life, BootLimit how long it
	// may take to say hello; 0 means [DefaultIdle] and [DefaultBootLimit]. Both are
	// multiplied by Accel.Scale and Scale.
	Idle, BootLimit time.Duration
}

// Mutant returns a copy of c for a run in which the mutant is on, or none.
func (c Config) Mutant(id string) Config {
	c.MutantOn = id
	return c
}

// ResultKernel describes the kernel under test as the result does.
func (c Config) ResultKernel() result.Kernel {
	k := c.Kernel
	return result.Kernel{
		Line: k.Line, Release: k.Release, Source: k.Source, Profile: k.Profile, ConfigHash: k.ConfigHash,
		Mutated: !k.Real(), Mutant: c.MutantOn,
	}
}

// Deadlines, before they are multiplied by [vm.Accel.Scale] and [Config].Scale.
const (
	DefaultIdle      = 10 * time.Second
	DefaultBootLimit = 30 * time.Second
	nmiGrace         = 2 * time.Second // from an NMI, or a panic, to the end
	exitGrace        = 3 * time.Second // from the last word to the end
)

// Errors of [Run]. With any of them there is no result.
var (
	ErrNoMatch = errors.New("no case matches")
	ErrGuest   = errors.New("the guest does not work")
)

// ExitCode is the exit status of a process that made the run, for go test and
// the shell.
func ExitCode(run *result.Run) int { return run.Status() }

// LastLine is what a test binary with the arguments args prints last when its
// run is over: PASS, or FAIL.
func LastLine(args []string, run *result.Run) string {
	p, err := parseArgs(args)
	if err != nil {
		return ""
	}
	return gotest.FinalLine(p.mode, ExitCode(run) == result.Good)
}

// Run runs the suite and writes its result to c.Out.
//
// When ctx is done the guests are killed at once, and what is known by then is
// the result, with Incomplete set. The same happens when the time of
// -test.timeout is over.
//
// Errors are [*FlagError], [ErrNoMatch], [ErrGuest] (no guest got as far as
// running a case) and failures to write.
func Run(ctx context.Context, c Config) (*result.Run, error) {
	p, err := parseArgs(c.Args)
	if err != nil {
		return nil, err
	}
	c.Scale = max(1, c.Scale)
	if c.VMs <= 0 {
		c.VMs = min(runtime.NumCPU(), 2)
	}
	if c.LastWords == nil {
		c.LastWords = lastWords
	}
	if c.Idle == 0 {
		c.Idle = DefaultIdle
	}
	if c.BootLimit == 0 {
		c.BootLimit = DefaultBootLimit
	}
	if c.Booter == nil {
		c.Booter = qemu(c)
	}
	if c.Progress == nil {
		c.Progress = func(Event) {}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newSession(ctx, c, p)
	if err := s.rounds(); err != nil {
		return nil, err
	}
	run := s.result()
	if err := result.Write(c.Out, run); err != nil {
		return nil, err
	}
	if err := s.printer.Err(); err != nil {
		return nil, fmt.Errorf("print the tests' output: %w", err)
	}
	return run, nil
}
