package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"netdev.test/teardown/initramfs/wire"
)

// Where the image has the test binary.
const (
	dir    = "/teardown"
	binary = dir + "/tests.test"
)

// Out of memory, the kernel is to kill the test binary and not this process
// (/proc/<pid>/oom_score_adj).
const (
	spareMe = "-1000"
	killIt  = "1000"
)

// run runs the test binary as start says, and tells how it ended.
func run(start wire.Start, stdout, cases *os.File) (wire.Exit, error) {
	cmd := exec.Command(binary, start.Args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), start.Env...), wire.InGuestEnv+"=1")
	cmd.Stdout, cmd.Stderr = stdout, stdout
	cmd.ExtraFiles = []*os.File{cases} // wire.CaseFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return wire.Exit{}, fmt.Errorf("start the test binary: %w", err)
	}
	err := errors.Join(
		os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid), []byte(killIt), 0),
		os.WriteFile("/proc/self/oom_score_adj", []byte(spareMe), 0),
	)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // it may have ended already
		return wire.Exit{}, fmt.Errorf("choose what is killed when memory runs out: %w", err)
	}
	return ended(cmd.Wait())
}

// ended turns what [exec.Cmd.Wait] returned into an Exit.
func ended(err error) (wire.Exit, error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return wire.Exit{}, err
	}
	status := exit.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return wire.Exit{Code: -1, Signal: status.Signal().String()}, nil
	}
	return wire.Exit{Code: status.ExitStatus()}, nil
}

// shell runs a shell on the serial console until it ends.
func shell() error {
	tty, err := os.OpenFile("/dev/ttyS0", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer tty.Close()
	cmd := exec.Command("/bbin/gosh")
	cmd.Dir = dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	fmt.Fprintf(tty, "teardown: a shell in the guest; leave it with exit\n")
	// How the last command in the shell ended is no news.
	if _, err := ended(cmd.Run()); err != nil {
		return fmt.Errorf("shell: %w", err)
	}
	return nil
}
