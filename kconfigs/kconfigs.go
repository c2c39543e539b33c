// Package kconfigs holds what goes into a kernel under test: configuration
// fragments by purpose, the profiles made of them, and the list of kernel
// lines that can be fetched by number. The package's README describes the
// syntax of a fragment.
package kconfigs

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
)

//go:embed *.config lines.toml profiles.toml
var files embed.FS

// A Line is a kernel series that can be fetched by number.
type Line struct {
	Name     string   // "6.12"
	Longterm bool     // kernel.org maintains it for years
	Package  string   // Debian's source package, "linux-source-6.12"
	Suites   []string // Debian suites that carry it; the newest version over all is taken
	Folder   string   // folder under kernel.org's pub/linux/kernel, "v6.x"
}

// Version returns the line's series.
func (l Line) Version() (Version, error) { return ParseVersion(l.Name) }

// Lines returns the kernel lines, oldest first.
func Lines() ([]Line, error) {
	var t struct{ Line []Line }
	if err := decode("lines.toml", &t); err != nil {
		return nil, err
	}
	var before Version
	for _, l := range t.Line {
		v, err := l.Version()
		if err != nil {
			return nil, fmt.Errorf("lines.toml: %w", err)
		}
		if v.Compare(before) <= 0 {
			return nil, fmt.Errorf("lines.toml: line %s does not come after %s", v, before)
		}
		before = v
	}
	return t.Line, nil
}

// FindLine returns the line with that name; the error lists those there are.
func FindLine(name string) (Line, error) {
	lines, err := Lines()
	if err != nil {
		return Line{}, err
	}
	return find("kernel line", name, lines, func(l Line) string { return l.Name })
}

// LoadFragment returns the built-in fragment of that name or, when the name
// holds a "/" or ends in ".config", the fragment in that file.
func LoadFragment(name string) (Fragment, error) {
	if strings.Contains(name, "/") || strings.HasSuffix(name, ".config") {
		text, err := os.ReadFile(name)
		if err != nil {
			return Fragment{}, fmt.Errorf("fragment: %w", err)
		}
		return ParseFragment(name, string(text))
	}
	text, err := files.ReadFile(name + ".config")
	if err != nil {
		names, err := fragmentNames()
		if err != nil {
			return Fragment{}, err
		}
		return Fragment{}, fmt.Errorf("no fragment %q: choose one of %s, or give a file as ./FILE", name, strings.Join(names, ", "))
	}
	return ParseFragment(name+".config", string(text))
}

func fragmentNames() ([]string, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".config"); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// decode reads an embedded TOML table.
func decode(name string, v any) error {
	text, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	return decodeText(name, string(text), v)
}

// decodeText reads a TOML table; a key that the table does not have is an error,
// so that a misspelt one is not ignored.
func decodeText(name, text string, v any) error {
	meta, err := toml.Decode(text, v)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return fmt.Errorf("%s:%d: %s", name, pe.Position.Line, pe.Message)
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	if u := meta.Undecoded(); len(u) > 0 {
		return fmt.Errorf("%s: unknown key %q", name, u[0].String())
	}
	return nil
}

func find[T any](what, name string, all []T, key func(T) string) (T, error) {
	var names []string
	for _, t := range all {
		if key(t) == name {
			return t, nil
		}
		names = append(names, key(t))
	}
	var zero T
	return zero, fmt.Errorf("no %s %q: choose one of %s", what, name, strings.Join(names, ", "))
}
