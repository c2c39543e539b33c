package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// lacking lists the lines of configuration that were asked for and that this
// kernel does not have. A kernel without /proc/config.gz cannot show that it
// has any.
func lacking() ([]string, error) {
	data, err := os.ReadFile("/teardown/config-asked")
	if err != nil {
		return nil, err
	}
	asked := strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' })
	if len(asked) == 0 {
		return nil, nil
	}
	f, err := os.Open("/proc/config.gz")
	if errors.Is(err, os.ErrNotExist) {
		return asked, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("/proc/config.gz: %w", err)
	}
	return compare(asked, z)
}

// compare lists the lines of asked that do not hold in config. A symbol that
// is to be unset may be absent from it: its dependencies are unset.
func compare(asked []string, config io.Reader) ([]string, error) {
	set := map[string]string{}
	lines := bufio.NewScanner(config)
	for lines.Scan() {
		if symbol, value, ok := strings.Cut(lines.Text(), "="); ok {
			set[symbol] = value
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("/proc/config.gz: %w", err)
	}
	var missing []string
	for _, line := range asked {
		symbol, value, _ := strings.Cut(line, "=")
		if unset, ok := strings.CutPrefix(line, "# "); ok {
			symbol, value = strings.TrimSuffix(unset, " is not set"), ""
		}
		if set[symbol] != value {
			missing = append(missing, line)
		}
	}
	return missing, nil
}
