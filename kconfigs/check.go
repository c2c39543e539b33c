package kconfigs

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// A Mismatch is a symbol that did not get the value it was asked to have.
type Mismatch struct {
	Asked string // "CONFIG_BONDING=m"
	Got   string // "CONFIG_BONDING=y", "# CONFIG_BONDING is not set"
}

// String returns "asked X, got Y".
func (m Mismatch) String() string { return fmt.Sprintf("asked %s, got %s", m.Asked, m.Got) }

// Check compares the lines asked for ("CONFIG_X=VALUE" or "# CONFIG_X is not
// set") with a kernel's configuration, a .config file or the unpacked
// /proc/config.gz, and returns those that do not hold. A symbol that the
// configuration does not mention counts as not set.
func Check(asked []string, config io.Reader) ([]Mismatch, error) {
	got, err := Values(config)
	if err != nil {
		return nil, err
	}
	var wrong []Mismatch
	for _, line := range asked {
		symbol, want, err := splitAsked(line)
		if err != nil {
			return nil, err
		}
		if value := got[symbol]; value != want {
			m := Mismatch{Asked: line, Got: "# " + symbol + " is not set"}
			if value != "" {
				m.Got = symbol + "=" + value
			}
			wrong = append(wrong, m)
		}
	}
	return wrong, nil
}

// Values reads a kernel's configuration: the value of each symbol that is set.
func Values(config io.Reader) (map[string]string, error) {
	values := map[string]string{}
	s := bufio.NewScanner(config)
	for s.Scan() {
		if symbol, value, ok := strings.Cut(s.Text(), "="); ok && strings.HasPrefix(symbol, "CONFIG_") {
			values[symbol] = value
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("reading the kernel's configuration: %w", err)
	}
	return values, nil
}

// splitAsked returns the symbol of a config line and its value, "" for unset.
func splitAsked(line string) (symbol, value string, err error) {
	if m := unsetRE.FindStringSubmatch(line); m != nil && m[2] == "" {
		return m[1], "", nil
	}
	if m := optionRE.FindStringSubmatch(line); m != nil && m[3] == "" {
		return m[1], m[2], nil
	}
	return "", "", fmt.Errorf("%q is not a line of a kernel configuration", line)
}
