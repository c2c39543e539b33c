package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// machine is a fake machine: a folder that is the whole of PATH. Each of its
// programs is a script that logs how it was called.
type machine struct {
	t   *testing.T
	dir string
}

// newMachine returns a machine that has all requirements but those named.
func newMachine(t *testing.T, lacks ...string) machine {
	m := machine{t, t.TempDir()}
	t.Setenv("PATH", m.dir)
	before := sbin
	t.Cleanup(func() { sbin = before })
	sbin = []string{filepath.Join(m.dir, "sbin")}
	for _, r := range requirements {
		if r.Tool != "" {
			m.program(r.Tool, "exit 0")
		}
	}
	m.program("gcc", `read line; case " $LACKS " in *" ${line#\#include } "*) exit 1;; esac`)
	for _, l := range lacks {
		os.Remove(filepath.Join(m.dir, l))
	}
	t.Setenv("LACKS", strings.Join(lacks, " "))
	return m
}

func (m machine) program(name, script string) {
	m.t.Helper()
	text := "#!/bin/sh\n" + `echo "${0##*/} $*" >> ` + filepath.Join(m.dir, "calls.log") + "\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// installs is a script for a package manager that brings a program.
func (m machine) installs(name string) string {
	return "echo Setting up " + name + "; echo '#!/bin/sh' > " + filepath.Join(m.dir, name) +
		"; /bin/chmod +x " + filepath.Join(m.dir, name)
}

// calls returns how the programs named were called.
func (m machine) calls(names ...string) []string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, "calls.log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	var calls []string
	for line := range strings.Lines(string(text)) {
		for _, n := range names {
			if strings.HasPrefix(line, n+" ") {
				calls = append(calls, strings.TrimSpace(line))
			}
		}
	}
	return calls
}

// installer returns an installer for the fake machine, which is a Debian.
func (m machine) installer() (*Installer, *strings.Builder) {
	dir := m.t.TempDir()
	release := filepath.Join(dir, "os-release")
	if err := os.WriteFile(release, []byte("ID=debian\n"), 0o644); err != nil {
		m.t.Fatal(err)
	}
	var out strings.Builder
	return &Installer{Out: &out, Log: filepath.Join(dir, "logs", "install.log"), osRelease: release}, &out
}

func names(rs []Requirement) []string {
	var s []string
	for _, r := range rs {
		s = append(s, r.Name())
	}
	return s
}

func TestMissing(t *testing.T) {
	for _, c := range []struct {
		name  string
		need  Need
		lacks []string
		want  []string
	}{
		{"nothing lacks", Boot | Build, nil, nil},
		{"an image needs no compiler", Boot, []string{"gcc", "flex", "xz"}, nil},
		{"an image needs QEMU", Boot, []string{"qemu-system-x86_64"}, []string{"qemu-system-x86_64"}},
		{"a header", Build, []string{"<gelf.h>"}, []string{"<gelf.h>"}},
		{"no compiler finds no header", Build, []string{"gcc"}, []string{"gcc", "<stdio.h>", "<gelf.h>"}},
		{"table order", Boot | Build, []string{"bison", "flex", "setpriv"}, []string{"setpriv", "flex", "bison"}},
		{"wanted for two needs", Build, []string{"xz"}, []string{"xz"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			newMachine(t, c.lacks...)
			got, err := Missing(t.Context(), c.need)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, names(got)); diff != "" {
				t.Errorf("Missing(%v) (-want +got):\n%s", c.need, diff)
			}
		})
	}
}

func TestToolInSbin(t *testing.T) {
	m := newMachine(t, "depmod")
	if err := os.Mkdir(sbin[0], 0o755); err != nil {
		t.Fatal(err)
	}
	m.program("sbin/depmod", "exit 0")
	if got, err := Missing(t.Context(), Build); err != nil || got != nil {
		t.Errorf("Missing = %v, %v", names(got), err)
	}
}

func TestMissingInterrupted(t *testing.T) {
	newMachine(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Missing(ctx, Build); !errors.Is(err, context.Canceled) {
		t.Errorf("Missing with an ended context: error %v, want %v", err, context.Canceled)
	}
}

// TestTable sees to it that every requirement can be looked for, is wanted for
// something, and that the tested package manager has it.
func TestTable(t *testing.T) {
	for _, r := range requirements {
		ways := 0
		for _, way := range []bool{r.Tool != "", r.Header != "", r.Certificates} {
			if way {
				ways++
			}
		}
		if ways != 1 || r.Needs == 0 || r.For == "" || r.Apt == "" {
			t.Errorf("bad row: %+v", r)
		}
	}
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		release string
		inPath  []string
		want    string
	}{
		{"ID=debian\n", []string{"apt-get", "dnf"}, "apt-get"},
		{"NAME=\"Fedora Linux\"\nID=fedora\n", []string{"apt-get", "dnf"}, "dnf"},
		{"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", []string{"dnf"}, "dnf"},
		{"ID=linuxmint\nID_LIKE='ubuntu debian'\n", []string{"pacman", "apt-get"}, "apt-get"},
		{"ID=opensuse-tumbleweed\nID_LIKE=\"opensuse suse\"\n", []string{"zypper"}, "zypper"},
		{"ID=arch\n", []string{"pacman"}, "pacman"},
		{"ID=debian\n", []string{"dnf"}, "dnf"}, // what is not there cannot be used
		{"", []string{"apt-get"}, "apt-get"},
		{"ID=nixos\n", nil, ""},
	} {
		dir := t.TempDir()
		t.Setenv("PATH", dir)
		for _, p := range c.inPath {
			if err := os.WriteFile(filepath.Join(dir, p), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		release := filepath.Join(dir, "os-release")
		if err := os.WriteFile(release, []byte(c.release), 0o644); err != nil {
			t.Fatal(err)
		}
		m, found := detect(release)
		if m.tool != c.want || found != (c.want != "") {
			t.Errorf("detect(%q) with %v in PATH = %q, %v; want %q", c.release, c.inPath, m.tool, found, c.want)
		}
	}
	if s := systems(filepath.Join(t.TempDir(), "none")); s != nil {
		t.Errorf("systems(no file) = %q", s)
	}
}

const aptFlex = "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends flex"

// TestRefusals holds the ways in which nothing is installed.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		euid int
		sudo bool
		apt  bool
		ask  func(context.Context, string) (bool, error)
		want string
	}{
		{"not agreed", 0, false, true, nil,
			"not found: flex: give -y to have them installed, or run: " + aptFlex},
		{"not agreed, with sudo", 1000, true, true, nil,
			"not found: flex: give -y to have them installed, or run: sudo " + aptFlex},
		{"no right", 1000, false, true, nil,
			"not found: flex: run this as root: " + aptFlex},
		{"declined", 0, false, true, func(context.Context, string) (bool, error) { return false, nil },
			"not found: flex: not installed, as you said; to install them run: " + aptFlex},
		{"no package manager", 0, false, false, nil,
			"not found: flex: install them: the package manager of this system is not known (known: apt-get, dnf, pacman, zypper)"},
		{"interrupted", 0, false, true, func(context.Context, string) (bool, error) { return false, context.Canceled },
			"ask whether to install: context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, "flex")
			if c.apt {
				m.program("apt-get", m.installs("flex"))
			}
			if c.sudo {
				m.program("sudo", "exit 0")
			}
			in, _ := m.installer()
			in.euid, in.Ask = c.euid, c.ask
			err := in.Ensure(t.Context(), Build)
			if err == nil || err.Error() != c.want {
				t.Errorf("Ensure: error\n\t%v\nwant\n\t%s", err, c.want)
			}
			if calls := m.calls("apt-get", "sudo"); calls != nil {
				t.Errorf("something was run: %q", calls)
			}
		})
	}
}

func TestInstall(t *testing.T) {
	const (
		simulate = "apt-get install --simulate --no-install-recommends flex"
		update   = "apt-get update"
		install  = "apt-get install -y --no-install-recommends flex"
	)
	// Each script sees the apt-get command in $2 and $3 at most.
	for _, c := range []struct {
		name  string
		apt   func(m machine) string
		want  []string
		error string // part of the error
	}{
		{"lists are good", func(m machine) string {
			return `[ "$2" = --simulate ] || { ` + m.installs("flex") + `; }`
		}, []string{simulate, install}, ""},
		{"lists are empty", func(m machine) string {
			return `case $1$2 in update) ;; install--simulate) exit 100;; *) ` + m.installs("flex") + `;; esac`
		}, []string{simulate, update, install}, ""},
		{"lists are old", func(m machine) string {
			u := filepath.Join(m.dir, "updated")
			return `case $1$2 in update) : > ` + u + `;; install--simulate) ;; *) [ -e ` + u + ` ] || exit 100; ` + m.installs("flex") + `;; esac`
		}, []string{simulate, install, update, install}, ""},
		{"update fails", func(machine) string {
			return `[ $1 = update ] && echo "E: no network" >&2; exit 100`
		}, []string{simulate, update}, "apt-get update: exit status 100: E: no network (all of it: "},
		{"install fails", func(machine) string {
			return `[ "$2" != -y ] || { printf 'one\ntwo\nthree\nE: disk full'; exit 100; }`
		}, []string{simulate, install, update, install}, "--no-install-recommends flex: exit status 100: two | three | E: disk full (all of it: "},
		{"does not bring it", func(machine) string { return "exit 0" },
			[]string{simulate, install}, "not found: flex: still missing, although this succeeded: " + aptFlex},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, "flex")
			m.program("env", `shift; exec "$@"`)
			m.program("apt-get", c.apt(m))
			in, out := m.installer()
			in.Yes = true
			var steps []string
			in.Step = func(line string) { steps = append(steps, line) }
			err := in.Ensure(t.Context(), Build)
			if (err == nil) != (c.error == "") || err != nil && !strings.Contains(err.Error(), c.error) {
				t.Errorf("Ensure: error %v, want one with %q", err, c.error)
			}
			if diff := cmp.Diff(c.want, m.calls("apt-get")); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if !strings.Contains(out.String(), "  flex ") || !strings.Contains(out.String(), "Installing them with: "+aptFlex+"\n") {
				t.Errorf("told:\n%s", out)
			}
			if c.error == "" && !cmp.Equal(steps, []string{"Setting up flex"}) {
				t.Errorf("steps: %q", steps)
			}
			log, err := os.ReadFile(in.Log)
			if err != nil || !strings.HasPrefix(string(log), "$ "+simulate+"\n") {
				t.Errorf("log: %q, %v", log, err)
			}
		})
	}
}

func TestInstallWithSudo(t *testing.T) {
	m := newMachine(t, "flex")
	m.program("sudo", `[ "$1" = -v ] || exec "$@"`)
	m.program("env", `shift; exec "$@"`)
	m.program("apt-get", `[ "$2" = --simulate ] || { `+m.installs("flex")+`; }`)
	in, _ := m.installer()
	in.euid = 1000
	in.Ask = func(_ context.Context, question string) (bool, error) {
		return question == "Install them with: sudo "+aptFlex+"?", nil
	}
	if err := in.Ensure(t.Context(), Build); err != nil {
		t.Fatal(err)
	}
	want := []string{"sudo -v", "sudo " + aptFlex}
	if diff := cmp.Diff(want, m.calls("sudo")); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestSudoRefuses(t *testing.T) {
	m := newMachine(t, "flex")
	m.program("sudo", "exit 1")
	m.program("apt-get", "exit 0")
	in, _ := m.installer()
	in.euid, in.Yes = 1000, true
	err := in.Ensure(t.Context(), Build)
	want := "sudo refuses (exit status 1); as root run: " + aptFlex
	if err == nil || err.Error() != want {
		t.Errorf("Ensure: error %v, want %q", err, want)
	}
}

func TestUnknownPackage(t *testing.T) {
	m := manager{tool: "dnf", packages: func(r Requirement) string { return r.Dnf }}
	packages, unknown := m.packagesFor([]Requirement{
		{Tool: "a", Dnf: "one"}, {Tool: "b", Dnf: "one"}, {Tool: "c"}, {Header: "d.h", Dnf: "two"},
	})
	if !cmp.Equal(packages, []string{"one", "two"}) || !cmp.Equal(unknown, []string{"c"}) {
		t.Errorf("packagesFor = %q, %q", packages, unknown)
	}
}

func TestLastLines(t *testing.T) {
	l := &lastLines{}
	for _, s := range []string{"a\nb", "b\r\n\n", "c\nd\n", strings.Repeat("x", 3*maxLine)} {
		l.Write([]byte(s))
	}
	if want := "c | d | " + strings.Repeat("x", maxLine); l.String() != want {
		t.Errorf("String() = %q", l.String())
	}
}
