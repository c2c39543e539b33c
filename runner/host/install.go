package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Installer checks a machine and installs what it lacks. The zero value only
// checks.
type Installer struct {
	// Yes agrees to the installation beforehand.
	Yes bool
	// Ask asks a person whether to go on; nil when there is no terminal to ask
	// at.
	Ask func(ctx context.Context, question string) (bool, error)
	// Out is told, in whole lines, what is missing and what will be run; nil
	// for nobody.
	Out io.Writer
	// Step, if not nil, is given each line that the package manager prints.
	Step func(line string)
	// Log is the file that gets all that the package manager prints. Its
	// folder is made.
	Log string

	euid      int    // effective user
	osRelease string // see os-release(5)
}

// NewInstaller returns an installer for this machine that logs to a file.
func NewInstaller(log string) *Installer {
	return &Installer{Out: io.Discard, Log: log, euid: os.Geteuid(), osRelease: "/etc/os-release"}
}

// MissingError says that the machine lacks something and that it was not
// installed.
type MissingError struct {
	Missing []Requirement
	// Command is the exact command that would install it, empty when no
	// package manager or no package is known.
	Command string
	// Why says why it was not run.
	Why string
}

// Error is one line that ends with the next step.
func (e *MissingError) Error() string {
	names := make([]string, len(e.Missing))
	for i, r := range e.Missing {
		names[i] = r.Name()
	}
	s := "not found: " + strings.Join(names, ", ") + ": " + e.Why
	if e.Command != "" {
		s += ": " + e.Command
	}
	return s
}

// Ensure sees to it that the machine has all that need asks for. It returns a
// [*MissingError] when something is missing and may not or cannot be installed,
// and installs nothing that nobody agreed to.
func (in *Installer) Ensure(ctx context.Context, need Need) error {
	missing, err := Missing(ctx, need)
	if err != nil || len(missing) == 0 {
		return err
	}
	m, found := detect(in.osRelease)
	if !found {
		return &MissingError{Missing: missing, Why: "install them: the package manager of this system is not known (known: apt-get, dnf, pacman, zypper)"}
	}
	packages, unknown := m.packagesFor(missing)
	in.list(m, missing)
	if len(unknown) > 0 {
		return &MissingError{Missing: missing, Why: "install " + strings.Join(unknown, ", ") + " by hand: no package for " + m.tool + " is known"}
	}
	p := plan{manager: m, packages: packages}
	if in.euid != 0 {
		if _, err := exec.LookPath("sudo"); err != nil {
			return &MissingError{Missing: missing, Command: p.String(), Why: "run this as root"}
		}
		p.sudo = true
	}
	if err := in.agree(ctx, missing, p); err != nil {
		return err
	}
	if err := in.install(ctx, p); err != nil {
		return err
	}
	return recheck(ctx, need, p)
}

// list tells what is missing.
func (in *Installer) list(m manager, missing []Requirement) {
	if in.Out == nil {
		return
	}
	fmt.Fprintln(in.Out, "Missing on this machine:")
	for _, r := range missing {
		fmt.Fprintf(in.Out, "  %-20s %-42s package %s\n", r.Name(), r.For, m.packages(r))
	}
}

// agree returns nil when the plan may be carried out.
func (in *Installer) agree(ctx context.Context, missing []Requirement, p plan) error {
	if in.Yes {
		if in.Out != nil {
			fmt.Fprintf(in.Out, "Installing them with: %s\n", p)
		}
		return nil
	}
	if in.Ask == nil {
		return &MissingError{Missing: missing, Command: p.String(), Why: "give -y to have them installed, or run"}
	}
	ok, err := in.Ask(ctx, fmt.Sprintf("Install them with: %s?", p))
	if err != nil {
		return fmt.Errorf("ask whether to install: %w", err)
	}
	if !ok {
		return &MissingError{Missing: missing, Command: p.String(), Why: "not installed, as you said; to install them run"}
	}
	return nil
}

// recheck tells whether the installation brought what was missing.
func recheck(ctx context.Context, need Need, p plan) error {
	missing, err := Missing(ctx, need)
	if err != nil || len(missing) == 0 {
		return err
	}
	return &MissingError{Missing: missing, Command: p.String(), Why: "still missing, although this succeeded"}
}

// plan is an installation: which packages, with what, by whom.
type plan struct {
	manager  manager
	packages []string
	sudo     bool
}

// String is the command that installs the packages, to be typed at a shell. No
// word of it needs quoting.
func (p plan) String() string {
	return strings.Join(p.privileged(p.manager.install, p.packages), " ")
}

// privileged is a command of the package manager that changes the system, with
// sudo where that is needed. The assignments go through env(1), because sudo
// drops the environment.
func (p plan) privileged(command, packages []string) []string {
	var argv []string
	if p.sudo {
		argv = append(argv, "sudo")
	}
	if len(p.manager.env) > 0 {
		argv = append(append(argv, "env"), p.manager.env...)
	}
	return append(append(argv, command...), packages...)
}

// install carries the plan out. The lists of packages are refreshed only when
// they do not know a package, or when they name a version that is gone.
func (in *Installer) install(ctx context.Context, p plan) error {
	log, err := in.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	if p.sudo {
		if err := authenticate(ctx); err != nil {
			return fmt.Errorf("sudo refuses (%w); as root run: %s", err, strings.TrimPrefix(p.String(), "sudo "))
		}
	}
	m := p.manager
	updated := len(m.update) == 0
	update := func() error {
		updated = true
		return in.run(ctx, log, p.privileged(m.update, nil))
	}
	if len(m.simulate) > 0 && in.run(ctx, log, append(m.simulate[:len(m.simulate):len(m.simulate)], p.packages...)) != nil {
		if err := update(); err != nil {
			return err
		}
	}
	err = in.run(ctx, log, p.privileged(m.install, p.packages))
	if err != nil && !updated && ctx.Err() == nil {
		if err := update(); err != nil {
			return err
		}
		err = in.run(ctx, log, p.privileged(m.install, p.packages))
	}
	return err
}

func (in *Installer) openLog() (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(in.Log), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the installation log: %w", err)
	}
	log, err := os.OpenFile(in.Log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the installation log: %w", err)
	}
	return log, nil
}

// authenticate lets sudo ask for the password before anything else writes on
// the terminal. Where there is no terminal, sudo says so instead of waiting.
func authenticate(ctx context.Context) error {
	c := exec.CommandContext(ctx, "sudo", "-v")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	return c.Run()
}

// run runs a command with its output in the log. It is not killed when ctx ends
// but interrupted, and then waited for: a package manager that dies in the
// middle leaves a broken system.
func (in *Installer) run(ctx context.Context, log io.Writer, argv []string) error {
	fmt.Fprintf(log, "$ %s\n", strings.Join(argv, " "))
	tail := &lastLines{step: in.Step}
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Stdin = os.Stdin // sudo may ask again
	c.Stdout = io.MultiWriter(log, tail)
	c.Stderr = c.Stdout
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	err := c.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return fmt.Errorf("run %s: %w", argv[0], err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s (all of it: %s)", strings.Join(argv, " "), err, tail, in.Log)
	}
	return nil
}

// lastLines keeps the end of a command's output for an error message and passes
// each line on.
type lastLines struct {
	step func(string)
	part []byte
	last []string
}

const (
	maxLine   = 1000 // longer lines are cut
	lastCount = 3
)

func (l *lastLines) Write(p []byte) (int, error) {
	for _, b := range p {
		if b != '\n' && b != '\r' {
			if len(l.part) < maxLine {
				l.part = append(l.part, b)
			}
			continue
		}
		l.end()
	}
	return len(p), nil
}

// end ends the line that was being written.
func (l *lastLines) end() {
	line := string(bytes.TrimSpace(l.part))
	l.part = l.part[:0]
	if line == "" {
		return
	}
	if l.last = append(l.last, line); len(l.last) > lastCount {
		l.last = l.last[1:]
	}
	if l.step != nil {
		l.step(line)
	}
}

// String returns the last lines as one.
func (l *lastLines) String() string {
	l.end()
	return strings.Join(l.last, " | ")
}
