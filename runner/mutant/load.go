package mutant

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"netdev.test/teardown/initramfs/verdict"
)

// Folder is where a checkout of the project keeps its mutants.
const Folder = "tests/mutants"

// Load reads the files of a folder, in the order of their names. No two mutants
// may have the same id.
func Load(folder fs.FS) (Set, error) {
	files, err := fs.Glob(folder, "*.toml")
	if err != nil {
		return nil, err
	}
	var all Set
	for _, file := range files {
		text, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, fmt.Errorf("mutants: %w", err)
		}
		set, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("mutants: %s: %w", file, err)
		}
		all = append(all, set...)
	}
	if len(all) == 0 {
		return nil, errors.New("mutants: there are none")
	}
	return all, all.distinct()
}

// Parse reads mutants in TOML, [[mutant]] each. A key that does not exist, an
// expression that does not compile, an edit that does not say what, or says two
// things, are errors.
func Parse(data []byte) (Set, error) {
	var file struct {
		Mutant Set `toml:"mutant"`
	}
	meta, err := toml.Decode(string(data), &file)
	if err != nil {
		return nil, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("key %s: there is no such key", unknown[0])
	}
	for i := range file.Mutant {
		if err := file.Mutant[i].compile(); err != nil {
			return nil, fmt.Errorf("mutant %d %q: %w", i+1, file.Mutant[i].ID, err)
		}
	}
	return file.Mutant, file.Mutant.distinct()
}

// distinct checks that no id is used twice.
func (s Set) distinct() error {
	numbers := map[int]string{}
	for _, m := range s {
		n := number(m.ID)
		switch other, taken := numbers[n]; {
		case taken && other == m.ID:
			return fmt.Errorf("mutants: the id %s is used twice", m.ID)
		case taken:
			return fmt.Errorf("mutants: the ids %s and %s have the same switch: change one of them", other, m.ID)
		}
		numbers[n] = m.ID
	}
	return nil
}

// identifier is what a kernel argument can hold and a folder be named by.
var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// compile checks the mutant and prepares it.
func (m *Mutant) compile() (err error) {
	if !identifier.MatchString(m.ID) {
		return errors.New("its id must be letters, digits, - and _")
	}
	for _, r := range []struct{ key, value string }{
		{"commit", strings.Join(m.Commit, " ")}, {"subject", m.Subject}, {"mechanism", m.Mechanism},
	} {
		if strings.TrimSpace(r.value) == "" {
			return fmt.Errorf("%s is missing", r.key)
		}
	}
	if m.kernels, err = verdict.ParseReleases(m.Kernels); err != nil {
		return fmt.Errorf("kernels: %w", err)
	}
	if _, err := regexp.Compile(m.Run); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	for _, o := range m.Oracles {
		if !slices.Contains(verdict.Oracles(), o) {
			return fmt.Errorf("there is no oracle %q", o)
		}
	}
	for i := range m.Equivalent {
		e := &m.Equivalent[i]
		if strings.TrimSpace(e.Reason) == "" {
			return errors.New("equivalent: reason is missing")
		}
		if e.kernels, err = verdict.ParseReleases(e.Kernels); err != nil {
			return fmt.Errorf("equivalent: kernels: %w", err)
		}
	}
	if len(m.Edits) == 0 {
		return errors.New("edit is missing")
	}
	for i := range m.Edits {
		if err := m.Edits[i].compile(); err != nil {
			return fmt.Errorf("edit %d: %w", i+1, err)
		}
	}
	return nil
}

// compile checks the edit and prepares it.
func (e *Edit) compile() (err error) {
	if e.kernels, err = verdict.ParseReleases(e.Kernels); err != nil {
		return fmt.Errorf("kernels: %w", err)
	}
	if len(e.File) == 0 || e.Anchor == "" {
		return errors.New("file and anchor must be there")
	}
	if (len(e.Function) == 0) != (e.Replace != "") {
		return errors.New("function must be there, or replace for what is outside of functions")
	}
	for _, f := range e.File {
		if !fs.ValidPath(f) {
			return fmt.Errorf("file: %q is no path in a kernel tree", f)
		}
	}
	for _, f := range e.Function {
		if !symbol.MatchString(f) {
			return fmt.Errorf("function: %q is no name of a function", f)
		}
	}
	if e.anchor, err = compileAnchor(e.Anchor); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	if e.At != "" {
		if e.at, err = compileAnchor(e.At); err != nil {
			return fmt.Errorf("at: %w", err)
		}
	}
	said := 0
	for _, code := range []string{e.Before, e.After, e.Statement, e.Expression} {
		if strings.ContainsAny(code, "\n\r") || strings.Contains(code, "//") {
			return fmt.Errorf("%q must be one line, without a // comment: it has to stay in the line that it changes", code)
		}
		if code != "" {
			said++
		}
	}
	if e.Delete {
		said++
	}
	if e.Replace != "" {
		said++
	}
	if e.moves() {
		said++
	}
	if said != 1 {
		return errors.New("give one of delete, before, after, statement, expression and replace")
	}
	return nil
}

var symbol = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// compileAnchor compiles an expression that must find one place.
func compileAnchor(expr string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	if re.MatchString("") {
		return nil, fmt.Errorf("%q matches everything", expr)
	}
	return re, nil
}
