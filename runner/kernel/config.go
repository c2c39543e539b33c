package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"netdev.test/teardown/kconfigs"
)

var (
	kconfigFile = regexp.MustCompile(`^Kconfig(\.|$)`)
	kconfigDef  = regexp.MustCompile(`(?m)^[ \t]*(?:menu)?config[ \t]+([A-Za-z0-9_]+)[ \t]*(?:#.*)?$`)
)

// configure writes the build's .config: tinyconfig, the fragments by the
// kernel's merge_config.sh, olddefconfig; then every option is looked up.
func (b *build) configure(ctx context.Context) error {
	b.report.step(StepConfigure, b.what, 0, false)
	if err := b.checkSymbols(); err != nil {
		return err
	}
	if err := b.make(ctx, nil, "tinyconfig"); err != nil {
		return err
	}
	names, err := b.writeFragments()
	if err != nil {
		return err
	}
	script := filepath.Join(b.tree, "scripts/kconfig/merge_config.sh")
	merge := newCommand(ctx, "sh", append([]string{script, "-m", ".config"}, names...)...)
	merge.Dir = b.out()
	if err := b.logged(ctx, merge, nil); err != nil {
		return err
	}
	if err := b.make(ctx, nil, "olddefconfig"); err != nil {
		return err
	}
	return b.checkConfig()
}

// writeFragments writes the options asked for into the build folder, one file
// a fragment, and returns the paths from there.
func (b *build) writeFragments() ([]string, error) {
	dir := filepath.Join(b.out(), "fragments")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return nil, err
	}
	var names []string
	texts := map[string]string{}
	for _, o := range b.options {
		name := "fragments/" + filepath.Base(o.Fragment)
		if _, ok := texts[name]; !ok {
			names = append(names, name)
		}
		texts[name] += o.String() + "\n"
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(b.out(), name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// checkSymbols looks every symbol up in the tree's Kconfig files: one that
// does not exist would hold as "is not set" and mean nothing.
func (b *build) checkSymbols() error {
	defined, err := kconfigSymbols(b.tree)
	if err != nil {
		return fmt.Errorf("reading the Kconfig files of %s: %w", b.what, err)
	}
	for _, o := range b.options {
		if !defined[o.Symbol] {
			return inputf(`%s: %s has no symbol %s: correct the name, or add "# lines: BOUNDS" if only other lines have it`, o.Where(), b.what, o.Symbol)
		}
	}
	return nil
}

// kconfigSymbols returns the symbols, with CONFIG_, that the Kconfig files of
// a tree define for x86.
func kconfigSymbols(tree string) (map[string]bool, error) {
	symbols := map[string]bool{}
	arch := filepath.Join(tree, "arch")
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if d.Name() == ".git" || filepath.Dir(path) == arch && d.Name() != "x86" {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() || !kconfigFile.MatchString(d.Name()):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range kconfigDef.FindAllSubmatch(text, -1) {
			symbols["CONFIG_"+string(m[1])] = true
		}
		return err
	})
	return symbols, err
}

// checkConfig compares the final .config with what was asked for.
func (b *build) checkConfig() error {
	f, err := os.Open(filepath.Join(b.out(), ".config"))
	if err != nil {
		return err
	}
	defer f.Close()
	wrong, err := kconfigs.Check(optionLines(b.options), f)
	if err != nil || len(wrong) == 0 {
		return err
	}
	where := map[string]string{}
	for _, o := range b.options {
		where[o.String()] = o.Where()
	}
	var all []string
	for _, m := range wrong {
		all = append(all, where[m.Asked]+": "+m.String())
	}
	return inputf(`%s dropped what its fragments ask for: %s: ask for what it depends on too, or add "# lines: BOUNDS"`, b.what, strings.Join(all, "; "))
}
