package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"netdev.test/teardown/initramfs/device"
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
	profiles  []string
	kinds     []string
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
	f.StringSliceVar(&t.profiles, "profile", nil, "`NAME`s of configurations: "+profileNames()+", or "+kconfigs.AllProfiles+" of them (default: "+usualProfile()+")")
	f.StringSliceVar(&t.kinds, "kinds", nil, "a small kernel with the drivers of these `KINDS` of devices: names of kinds, or of families: "+strings.Join(families(), ", ")+"; those of "+basic+" are always in it (default: all)")
	f.StringSliceVar(&t.fragments, "fragment", nil, "configuration fragment in `FILE`, merged last")
	f.BoolVar(&t.update, "update", false, "look for a newer source of the line even if one is in the cache")
	completeList(c, "kernel", names(kconfigs.Lines, func(l kconfigs.Line) string { return l.Name }))
	completeList(c, "kinds", families())
	completeList(c, "profile", append(names(kconfigs.Profiles, profileName), kconfigs.AllProfiles))
}

// completeList has a shell complete the flag, a list, with the values that are
// not in it yet.
func completeList(c *cobra.Command, flag string, values []string) {
	err := c.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		given, last := "", typed
		if i := strings.LastIndexByte(typed, ','); i >= 0 {
			given, last = typed[:i+1], typed[i+1:]
		}
		var fit []string
		for _, v := range values {
			if strings.HasPrefix(v, last) && !slices.Contains(strings.Split(given, ","), v) {
				fit = append(fit, given+v)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
	if err != nil {
		panic(err) // the flag was added just before
	}
}

// lineNames lists the kernel lines.
func lineNames() string {
	return strings.Join(names(kconfigs.Lines, func(l kconfigs.Line) string { return l.Name }), ", ")
}

// families lists the families of kinds.
func families() []string { return names(kconfigs.Families, func(f string) string { return f }) }

// basic is the family that no kernel goes without: what shows that the oracles see is
// planted with a dummy, and a dummy has the name or the index that is taken.
const basic = "basic"

// familiesOf returns the families of the kinds, which may be given as families
// themselves, and the basic one. It is none for all.
func familiesOf(kinds []string) ([]string, error) {
	if len(kinds) == 0 {
		return nil, nil
	}
	all := families()
	of := []string{basic}
	for _, name := range kinds {
		family := name
		if k, ok := device.ByName(name); ok {
			family = k.Family
		} else if !slices.Contains(all, name) {
			return nil, fmt.Errorf("no kind, and no family of kinds %q: choose among %s, or a kind that \"kinds\" lists", name, strings.Join(all, ", "))
		}
		if !slices.Contains(of, family) {
			of = append(of, family)
		}
	}
	slices.SortFunc(of, func(a, b string) int { return slices.Index(all, a) - slices.Index(all, b) })
	return of, nil
}

// profileNames lists the profiles, the default first.
func profileNames() string { return strings.Join(names(kconfigs.Profiles, profileName), ", ") }

// usualProfile is the default profile.
func usualProfile() string { return names(kconfigs.Profiles, profileName)[0] }

func profileName(p kconfigs.Profile) string { return p.Name }

// names returns the names of what get returns; or, for --help to show, why it
// fails, as does whatever uses it.
func names[T any](get func() ([]T, error), name func(T) string) []string {
	all, err := get()
	if err != nil {
		return []string{err.Error()}
	}
	var s []string
	for _, t := range all {
		s = append(s, name(t))
	}
	return s
}

// requests returns the kernels that are wanted, at least one: each line in each
// profile. Mistakes that can be seen without any tool are found here, before
// anything is installed.
func (t *target) requests() ([]kernel.Request, error) {
	base := kernel.Request{
		Tree: t.tree, Image: t.image, Modules: t.modules,
		Fragments: t.fragments, Update: t.update,
	}
	profiles, err := kconfigs.ProfileNames(t.profiles)
	if err != nil {
		return nil, err
	}
	if base.Families, err = familiesOf(t.kinds); err != nil {
		return nil, err
	}
	switch {
	case len(t.lines) > 0 && (t.tree != "" || t.image != ""), t.tree != "" && t.image != "":
		return nil, errors.New("--kernel, --tree and --image exclude each other: give one of them")
	case t.modules != "" && t.image == "":
		return nil, errors.New("--modules goes with --image: a kernel that is built brings its own modules")
	case t.image != "" && (len(profiles)+len(t.kinds)+len(t.fragments) > 0):
		return nil, errors.New("--image is a finished kernel: --profile, --kinds and --fragment cannot change it")
	}
	if t.tree != "" {
		if err := checkTree(t.tree); err != nil {
			return nil, err
		}
	}
	lines := t.lines
	if len(lines) == 0 {
		lines = []string{""}
	}
	if len(profiles) == 0 {
		profiles = []string{""}
	}
	return product(base, lines, profiles)
}

// product asks for each line in each profile; an empty name leaves the choice.
func product(base kernel.Request, lines, profiles []string) ([]kernel.Request, error) {
	var all []kernel.Request
	for i, name := range lines {
		if slices.Contains(lines[:i], name) {
			return nil, fmt.Errorf("kernel line %q is given twice", name)
		}
		if _, err := kconfigs.FindLine(name); name != "" && err != nil {
			return nil, err
		}
		for _, profile := range profiles {
			r := base
			r.Line, r.Profile = name, profile
			all = append(all, r)
		}
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

// label names a request for people: kernel 6.12 (san).
func label(r kernel.Request) string {
	name := "newest long-term kernel"
	switch {
	case r.Line != "":
		name = "kernel " + r.Line
	case r.Tree != "":
		name = "kernel in " + r.Tree
	case r.Image != "":
		name = "kernel " + r.Image
	}
	return profiled(name, r.Profile)
}

// profiled adds a profile to the name of a kernel, where one is given.
func profiled(name, profile string) string {
	if profile == "" {
		return name
	}
	return name + " (" + profile + ")"
}
