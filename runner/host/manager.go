package host

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// manager is a package manager: how to call it. Commands are argument lists, to
// which Install and Simulate take the names of packages.
type manager struct {
	tool     string   // program that must be in PATH
	systems  []string // ID or ID_LIKE of os-release(5) of the systems it belongs to
	env      []string // assignments for its environment
	update   []string // refreshes the lists of packages
	simulate []string // exits 0 when the lists know all packages; needs no rights. Empty: update is never needed
	install  []string
	packages func(Requirement) string // name of the package that meets a requirement
}

// managers is tried in this order when os-release names none of them. apt-get
// comes last: other systems have it too, to work on Debian's archives.
var managers = []manager{
	{
		tool:     "dnf",
		systems:  []string{"fedora", "rhel"},
		install:  []string{"dnf", "install", "-y", "--setopt=install_weak_deps=False"},
		packages: func(r Requirement) string { return r.Dnf },
	},
	{
		tool:     "pacman",
		systems:  []string{"arch"},
		update:   []string{"pacman", "-Sy"},
		simulate: []string{"pacman", "-S", "--needed", "--print"},
		install:  []string{"pacman", "-S", "--needed", "--noconfirm"},
		packages: func(r Requirement) string { return r.Pacman },
	},
	{
		tool:     "zypper",
		systems:  []string{"suse", "opensuse"},
		install:  []string{"zypper", "--non-interactive", "install", "--no-recommends"},
		packages: func(r Requirement) string { return r.Zypper },
	},
	{
		tool:     "apt-get",
		systems:  []string{"debian", "ubuntu"},
		env:      []string{"DEBIAN_FRONTEND=noninteractive"},
		update:   []string{"apt-get", "update"},
		simulate: []string{"apt-get", "install", "--simulate", "--no-install-recommends"},
		install:  []string{"apt-get", "install", "-y", "--no-install-recommends"},
		packages: func(r Requirement) string { return r.Apt },
	},
}

// detect returns the package manager of the machine: the one of the system that
// the os-release file names if it is in PATH, else the first in PATH. It returns
// false when there is none that this package knows.
func detect(osRelease string) (manager, bool) {
	var inPath []manager
	for _, m := range managers {
		if _, err := exec.LookPath(m.tool); err == nil {
			inPath = append(inPath, m)
		}
	}
	for _, system := range systems(osRelease) {
		for _, m := range inPath {
			if slices.Contains(m.systems, system) {
				return m, true
			}
		}
	}
	if len(inPath) == 0 {
		return manager{}, false
	}
	return inPath[0], true
}

// systems returns the values of ID and ID_LIKE in an os-release(5) file, none
// when there is no such file.
func systems(osRelease string) []string {
	f, err := os.Open(osRelease)
	if err != nil {
		return nil
	}
	defer f.Close()
	var id, like []string
	for s := bufio.NewScanner(f); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), "=")
		fields := strings.Fields(strings.Trim(value, `"'`))
		switch key {
		case "ID":
			id = fields
		case "ID_LIKE":
			like = fields
		}
	}
	return append(id, like...)
}

// packagesFor returns the packages that meet the requirements, each once, and
// the names of the requirements for which the table has no package of m.
func (m manager) packagesFor(missing []Requirement) (packages, unknown []string) {
	for _, r := range missing {
		p := m.packages(r)
		switch {
		case p == "":
			unknown = append(unknown, r.Name())
		case !slices.Contains(packages, p):
			packages = append(packages, p)
		}
	}
	return packages, unknown
}
