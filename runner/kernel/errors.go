package kernel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// ErrNotReady is returned by [LoadReady] when no kernel was got ready.
var ErrNotReady = errors.New("no kernel is ready: go run ./runner run -y")

// ErrNoSource is wrapped when no source of a kernel line can be had.
var ErrNoSource = errors.New("no source")

// ErrDiskFull is wrapped when the disk of the cache is full.
var ErrDiskFull = errors.New("disk full")

// An InputError says what is wrong with what the user gave, and what to do.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }

func (e *InputError) Unwrap() error { return e.Err }

func inputf(format string, args ...any) error {
	return &InputError{fmt.Errorf(format, args...)}
}

// A BuildError is a kernel that cannot be configured or does not compile.
type BuildError struct {
	What  string // "linux 6.12.117", "tree DIR"
	First string // the first error in the log
	Log   string // path of the whole output
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("building %s: %s (whole output: %s)", e.What, e.First, e.Log)
}

// diskFull wraps err in ErrDiskFull when it comes from a full disk: by its own
// number, by what a program said on its way out, or because there is no space
// left in dir, where a program's log could not be written either.
func diskFull(err error, dir string) error {
	if err == nil || errors.Is(err, ErrDiskFull) || errors.Is(err, context.Canceled) {
		return err
	}
	free, statErr := freeSpace(dir)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || strings.Contains(err.Error(), noSpace) ||
		statErr == nil && free < fullBelow {
		return fmt.Errorf("%w: no space left for %s: free %s or set TEARDOWN_CACHE to a folder on another disk",
			ErrDiskFull, dir, gigabytes(sourceSpace))
	}
	return err
}

// noSpace is what strerror says for ENOSPC.
const noSpace = "No space left on device"
