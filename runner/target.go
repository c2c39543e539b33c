package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"netdev.test/teardown/kconfigs"
	"netdev.test/teardown/runner/host"
	"netdev.test/teardown/runner/kernel"
)

// target says which kernels a command works on.
type target struct {
	lines     []string
	tree      string
	image     string
	modules   string
	profile   string
	fragments []string
	update    bool
}

// flags adds the flags that describe a target to c.
func (t *target) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVar(&t.lines, "kernel", nil, "kernel `LINE`s by number: "+lineNames()+" (default: the newest long-term line)")
	f.StringVar(&t.tree, "tree", "", "your own kernel tree in `DIR`, which is only read")
	f.StringVar(&t.image, "image", "", "a finished kernel: a bzImage in `FILE`")
	f.StringVar(&t.modules, "modules", "", "with --image: `DIR` that holds lib/modules/RELEASE")
	f.StringVar(&t.profile, "profile", "", "`NAME` of the configuration: "+profileNames())
	f.StringSliceVar(&t.fragments, "fragment", nil, "configuration fragment in `FILE`, merged last")
	f.BoolVar(&t.update, "update", false, "look for a newer source of the line even if one is in the cache")
}

// lineNames lists the kernel lines.
func lineNames() string {
	lines, err := kconfigs.Lines()
	if err != nil {
		return err.Error() // shown by --help; using a line fails with it
	}
	return list(lines, func(l kconfigs.Line) string { return l.Name })
}

// profileNames lists the profiles, the default first.
func profileNames() string {
	profiles, err := kconfigs.Profiles()
	if err != nil {
		return err.Error()
	}
	return list(profiles, func(p kconfigs.Profile) string { return p.Name })
}

func list[T any](all []T, name func(T) string) string {
	var s string
	for i, t := range all {
		if i > 0 {
			s += ", "
		}
		s += name(t)
	}
	return s
}

// requests returns the kernels that are wanted, at least one. Mistakes that can
// be seen without any tool are found here, before anything is installed.
func (t *target) requests() ([]kernel.Request, error) {
	base := kernel.Request{
		Tree: t.tree, Image: t.image, Modules: t.modules,
		Profile: t.profile, Fragments: t.fragments, Update: t.update,
	}
	if _, err := kconfigs.FindProfile(t.profile); err != nil {
		return nil, err
	}
	switch {
	case len(t.lines) > 0 && (t.tree != "" || t.image != ""), t.tree != "" && t.image != "":
		return nil, errors.New("--kernel, --tree and --image exclude each other: give one of them")
	case t.modules != "" && t.image == "":
		return nil, errors.New("--modules goes with --image: a kernel that is built brings its own modules")
	case t.image != "" && (t.profile != "" || len(t.fragments) > 0):
		return nil, errors.New("--image is a finished kernel: --profile and --fragment cannot change it")
	}
	if t.tree != "" {
		if err := checkTree(t.tree); err != nil {
			return nil, err
		}
	}
	if len(t.lines) == 0 {
		return []kernel.Request{base}, nil
	}
	var all []kernel.Request
	for _, name := range t.lines {
		if _, err := kconfigs.FindLine(name); err != nil {
			return nil, err
		}
		r := base
		r.Line = name
		all = append(all, r)
	}
	return all, nil
}

// checkTree tells whether a kernel's source is in dir.
func checkTree(dir string) error {
	for _, file := range []string{"Makefile", "Kconfig"} {
		_, err := os.Stat(filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("--tree %s: no %s in it: give the top folder of a kernel tree", dir, file)
		}
		if err != nil {
			return fmt.Errorf("--tree: %w", err)
		}
	}
	return nil
}

// need is what a machine must have to get the target's kernels.
func (t *target) need() host.Need {
	switch {
	case t.image != "":
		return 0
	case t.tree != "":
		return host.Build
	}
	return host.Build | host.Fetch
}

// label names a request for people: kernel 6.12.
func label(r kernel.Request) string {
	switch {
	case r.Line != "":
		return "kernel " + r.Line
	case r.Tree != "":
		return "kernel in " + r.Tree
	case r.Image != "":
		return "kernel " + r.Image
	}
	return "newest long-term kernel"
}
