package kconfigs

import (
	"fmt"
	"regexp"
	"strings"
)

// An Option is one symbol that a fragment asks for.
type Option struct {
	Symbol   string // "CONFIG_BONDING"
	Value    string // "y", "m", a number or a quoted string; "n" for "is not set"
	Fragment string // file of the fragment, for messages
	Number   int    // line in the fragment, from 1
	lines    constraint
}

// String returns the option as it stands in a .config file.
func (o Option) String() string {
	if o.Value == "n" {
		return "# " + o.Symbol + " is not set"
	}
	return o.Symbol + "=" + o.Value
}

// Where returns the option's place as "base.config:7".
func (o Option) Where() string { return fmt.Sprintf("%s:%d", o.Fragment, o.Number) }

// On tells whether the option is asked of kernels of version v.
func (o Option) On(v Version) bool { return o.lines.holds(v) }

// A Fragment is a list of options.
type Fragment struct {
	File    string
	Options []Option
}

var (
	optionRE = regexp.MustCompile(`^(CONFIG_[A-Za-z0-9_]+)=(y|m|-?[0-9]+|0x[0-9a-fA-F]+|"[^"\\]*")(\s.*)?$`)
	unsetRE  = regexp.MustCompile(`^# (CONFIG_[A-Za-z0-9_]+) is not set(\s.*)?$`)
	linesRE  = regexp.MustCompile(`^\s+# lines: (.+)$`)
	looseRE  = regexp.MustCompile(`^#\s*CONFIG_`)
)

// ParseFragment reads a fragment: lines of a .config file, comments, and after
// an option optionally "# lines: CONSTRAINT", which limits it to the kernel
// lines that have the symbol. It is strict: whatever the kernel's
// merge_config.sh would silently take for a comment is an error that names the
// fragment and the line.
func ParseFragment(file, text string) (Fragment, error) {
	f := Fragment{File: file}
	for i, line := range strings.Split(text, "\n") {
		o := Option{Fragment: file, Number: i + 1}
		line = strings.TrimRight(line, " \t\r")
		var rest string
		if m := optionRE.FindStringSubmatch(line); m != nil {
			o.Symbol, o.Value, rest = m[1], m[2], m[3]
		} else if m := unsetRE.FindStringSubmatch(line); m != nil {
			o.Symbol, o.Value, rest = m[1], "n", m[2]
		} else if looseRE.MatchString(line) {
			return Fragment{}, fmt.Errorf(`%s: %q is neither an option nor a comment: write "# CONFIG_X is not set" or "CONFIG_X=VALUE"`, o.Where(), line)
		} else if line == "" || line[0] == '#' {
			continue
		} else {
			return Fragment{}, fmt.Errorf(`%s: %q is not an option: write "CONFIG_X=VALUE" or "# CONFIG_X is not set"`, o.Where(), line)
		}
		if rest != "" {
			m := linesRE.FindStringSubmatch(rest)
			if m == nil {
				return Fragment{}, fmt.Errorf(`%s: %q after the option: only "# lines: CONSTRAINT" may stand there`, o.Where(), strings.TrimSpace(rest))
			}
			c, err := parseConstraint(m[1])
			if err != nil {
				return Fragment{}, fmt.Errorf("%s: %w", o.Where(), err)
			}
			o.lines = c
		}
		f.Options = append(f.Options, o)
	}
	return f, nil
}

// Select returns the options of the fragments that are asked of version v, in
// order, one for each symbol: a later fragment overrides an earlier one. The
// same symbol twice in one fragment for the same version is an error.
func Select(v Version, fragments ...Fragment) ([]Option, error) {
	var selected []Option
	at := map[string]int{}
	for _, f := range fragments {
		for _, o := range f.Options {
			if !o.On(v) {
				continue
			}
			i, seen := at[o.Symbol]
			if !seen {
				at[o.Symbol] = len(selected)
				selected = append(selected, o)
				continue
			}
			if p := selected[i]; p.Fragment == o.Fragment {
				return nil, fmt.Errorf("%s: %s is already set in line %d", o.Where(), o.Symbol, p.Number)
			}
			selected[i] = o
		}
	}
	return selected, nil
}
