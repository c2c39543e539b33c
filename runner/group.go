package main

import (
	"context"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// groupGrace is how long an interrupted process group may clean up before it is
// killed: go test stops its test binaries, which stop their guests.
const groupGrace = 15 * time.Second

// processGroups are the process groups that run now.
type processGroups struct {
	mu   sync.Mutex
	pids map[int]bool
}

var groups = processGroups{pids: map[int]bool{}}

// kill kills all of them.
func (g *processGroups) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for pid := range g.pids {
		_ = syscall.Kill(-pid, syscall.SIGKILL) // it may have just ended
	}
}

// groupCommand returns a command that has a process group of its own. When ctx
// ends the group is interrupted, and killed if that does not help.
func groupCommand(ctx context.Context, argv ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGINT) }
	c.WaitDelay = groupGrace
	return c
}

// run runs a command made by [groupCommand]. It leaves no process of the group
// behind when ctx has ended.
func (g *processGroups) run(ctx context.Context, c *exec.Cmd) error {
	if err := c.Start(); err != nil {
		return err
	}
	return g.wait(ctx, c)
}

// wait waits for a command made by [groupCommand] that was started.
func (g *processGroups) wait(ctx context.Context, c *exec.Cmd) error {
	pid := c.Process.Pid
	g.mu.Lock()
	g.pids[pid] = true
	g.mu.Unlock()
	err := c.Wait()
	g.mu.Lock()
	delete(g.pids, pid)
	g.mu.Unlock()
	if ctx.Err() != nil {
		_ = syscall.Kill(-pid, syscall.SIGKILL) // no such group is the usual answer
		return context.Cause(ctx)
	}
	return err
}
