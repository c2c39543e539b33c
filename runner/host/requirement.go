// Package host knows what a machine must have to build kernels and boot them,
// and installs what is missing with the system's package manager.
package host

import (
	"context"
	"crypto/x509"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Need says what the machine is wanted for. Needs are or-ed together.
type Need uint8

// The needs.
const (
	Boot  Need = 1 << iota // boot a guest and run the suite in it
	Build                  // configure and compile a kernel
	Fetch                  // get a kernel's source: Debian's packages, kernel.org's archives
	Check                  // run the tests of this project
)

// Requirement is one thing that the machine must have. Exactly one of Tool,
// Header and Certificates says how to look for it.
type Requirement struct {
	Tool         string // program in PATH
	Header       string // C header that the compiler must find
	Certificates bool   // the system's pool of certificate authorities
	For          string // what it is wanted for, in a few words
	Needs        Need   // the needs that ask for it
	Apt          string // package of Debian and Ubuntu
	Dnf          string // package of Fedora and its relatives
	Pacman       string // package of Arch
	Zypper       string // package of openSUSE
}

// requirements is everything that kernels from 5.10 to 7.3 in a tinyconfig with
// the fragments of kconfigs/, QEMU and the suite were seen to ask for on a
// machine that has nothing, first what everything else stands on.
var requirements = []Requirement{
	{Tool: "qemu-system-x86_64", For: "boots the kernel", Needs: Boot,
		Apt: "qemu-system-x86", Dnf: "qemu-system-x86-core", Pacman: "qemu-system-x86", Zypper: "qemu-x86"},
	{Tool: "setpriv", For: "lets no QEMU outlive the run", Needs: Boot,
		Apt: "util-linux", Dnf: "util-linux", Pacman: "util-linux", Zypper: "util-linux"},

	{Tool: "gcc", For: "compiles the kernel and its build tools", Needs: Build,
		Apt: "gcc", Dnf: "gcc", Pacman: "gcc", Zypper: "gcc"},
	{Tool: "ld", For: "links the kernel", Needs: Build,
		Apt: "binutils", Dnf: "binutils", Pacman: "binutils", Zypper: "binutils"},
	{Tool: "make", For: "drives the kernel's build", Needs: Build,
		Apt: "make", Dnf: "make", Pacman: "make", Zypper: "make"},
	{Tool: "flex", For: "generates Kconfig's lexer", Needs: Build,
		Apt: "flex", Dnf: "flex", Pacman: "flex", Zypper: "flex"},
	{Tool: "bison", For: "generates Kconfig's parser", Needs: Build,
		Apt: "bison", Dnf: "bison", Pacman: "bison", Zypper: "bison"},
	{Tool: "bc", For: "computes the kernel's time constants", Needs: Build,
		Apt: "bc", Dnf: "bc", Pacman: "bc", Zypper: "bc"},
	{Tool: "perl", For: "runs scripts of the kernel's build", Needs: Build,
		Apt: "perl-base", Dnf: "perl-interpreter", Pacman: "perl", Zypper: "perl-base"},
	{Tool: "awk", For: "runs scripts of the kernel's build", Needs: Build,
		Apt: "mawk", Dnf: "gawk", Pacman: "gawk", Zypper: "gawk"},
	{Tool: "cmp", For: "tells the kernel's build what has changed", Needs: Build,
		Apt: "diffutils", Dnf: "diffutils", Pacman: "diffutils", Zypper: "diffutils"},
	{Tool: "find", For: "runs scripts of the kernel's build", Needs: Build,
		Apt: "findutils", Dnf: "findutils", Pacman: "findutils", Zypper: "findutils"},
	{Tool: "gzip", For: "packs the configuration into the kernel", Needs: Build,
		Apt: "gzip", Dnf: "gzip", Pacman: "gzip", Zypper: "gzip"},
	{Tool: "depmod", For: "lists the kernel's modules", Needs: Build,
		Apt: "kmod", Dnf: "kmod", Pacman: "kmod", Zypper: "kmod"},
	{Header: "stdio.h", For: "compiles the kernel's build tools", Needs: Build,
		Apt: "libc6-dev", Dnf: "glibc-devel", Pacman: "glibc", Zypper: "glibc-devel"},
	{Header: "gelf.h", For: "compiles the kernel's objtool", Needs: Build,
		Apt: "libelf-dev", Dnf: "elfutils-libelf-devel", Pacman: "libelf", Zypper: "libelf-devel"},

	{Tool: "git", For: "makes a kernel tree for a test", Needs: Check,
		Apt: "git", Dnf: "git-core", Pacman: "git", Zypper: "git-core"},

	{Tool: "tar", For: "unpacks a kernel's source", Needs: Fetch,
		Apt: "tar", Dnf: "tar", Pacman: "tar", Zypper: "tar"},
	{Tool: "xz", For: "unpacks sources, packs the kernel image", Needs: Fetch | Build,
		Apt: "xz-utils", Dnf: "xz", Pacman: "xz", Zypper: "xz"},
	{Certificates: true, For: "proves who a download comes from", Needs: Fetch,
		Apt: "ca-certificates", Dnf: "ca-certificates", Pacman: "ca-certificates", Zypper: "ca-certificates"},
}

// Name is what people call the requirement: flex, <gelf.h>.
func (r Requirement) Name() string {
	switch {
	case r.Header != "":
		return "<" + r.Header + ">"
	case r.Certificates:
		return "certificate authorities"
	}
	return r.Tool
}

// Missing returns the requirements of need that the machine does not meet, in
// the order of the table.
func Missing(ctx context.Context, need Need) ([]Requirement, error) {
	var missing []Requirement
	for _, r := range requirements {
		if r.Needs&need == 0 {
			continue
		}
		met, err := r.met(ctx)
		if err != nil {
			return nil, err
		}
		if !met {
			missing = append(missing, r)
		}
	}
	return missing, nil
}

// met tells whether the machine meets r. An error means that it cannot be told.
func (r Requirement) met(ctx context.Context) (bool, error) {
	switch {
	case r.Tool != "":
		return toolFound(r.Tool), nil
	case r.Header != "":
		return headerFound(ctx, r.Header)
	}
	pool, err := x509.SystemCertPool()
	return err == nil && !pool.Equal(x509.NewCertPool()), nil
}

// sbin is where tools are that PATH may lead to for root only: depmod.
var sbin = []string{"/usr/sbin", "/sbin"}

func toolFound(name string) bool {
	if _, err := exec.LookPath(name); err == nil {
		return true
	}
	for _, dir := range sbin {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// headerFound asks the compiler, which alone knows its search path, for a
// header. Without a compiler no header is found.
func headerFound(ctx context.Context, header string) (bool, error) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		return false, nil
	}
	c := exec.CommandContext(ctx, gcc, "-E", "-x", "c", "-")
	c.Stdin = strings.NewReader("#include <" + header + ">\n")
	err = c.Run()
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		return false, fmt.Errorf("ask the compiler for <%s>: %w", header, err)
	}
	return err == nil, nil
}
