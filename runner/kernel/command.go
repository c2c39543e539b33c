package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// grace is how long a process group may clean up after SIGTERM: make deletes
// the targets it was writing.
const grace = 10 * time.Second

// newCommand returns a command in a process group of its own, with an
// environment that cannot change what a build gives: MAKEFLAGS, KBUILD_* or
// LOCALVERSION of the caller stay out.
func newCommand(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = cleanEnv(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	return cmd
}

// kept are the variables a command needs from the caller; those that end in
// "_" are prefixes.
var kept = []string{"PATH", "HOME", "TMPDIR", "USER", "CCACHE_", "XDG_", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "APT_CONFIG"}

func cleanEnv(environ []string) []string {
	env := []string{
		"LC_ALL=C",
		"GIT_OPTIONAL_LOCKS=0",      // git must not refresh the index of a developer's tree
		"PYTHONDONTWRITEBYTECODE=1", // nor Python leave __pycache__ in it
	}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		for _, k := range kept {
			if name == k || strings.HasSuffix(k, "_") && strings.HasPrefix(name, k) {
				if name == "PATH" {
					value += ":/usr/sbin:/sbin" // depmod
				}
				env = append(env, name+"="+value)
				break
			}
		}
	}
	return env
}

// run starts the command and waits for it. When ctx ends, the whole process
// group gets SIGTERM, then SIGKILL, and ctx's error is returned. The thread is
// locked because a parent-death signal is sent when the starting thread ends.
func run(ctx context.Context, cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%s is not installed: go run ./runner run -y installs what is missing", cmd.Args[0])
		}
		return err
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		// Whoever did not follow SIGTERM; no such group is the usual answer.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		return context.Cause(ctx)
	}
	return err
}

// output runs the command and returns what it wrote to standard output. An
// error holds the most telling line of standard error.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := run(ctx, cmd); err != nil {
		return "", explain(cmd, err, errs.String())
	}
	return out.String(), nil
}

// explain adds to err what the program said about it.
func explain(cmd *exec.Cmd, err error, stderr string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if said := firstError(stderr); said != "" {
		return fmt.Errorf("%s: %s", cmd.Args[0], said)
	}
	return fmt.Errorf("%s: %w", cmd.Args[0], err)
}

// killed tells that a command's leader had to be killed: what it was writing
// may be cut short.
func killed(cmd *exec.Cmd) bool {
	if cmd.ProcessState == nil {
		return false
	}
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL
}
