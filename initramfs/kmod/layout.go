package kmod

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Field is where a field is in its structure, in bytes.
type Field struct {
	Offset, Size int
}

// ErrMalformed is returned for a layout that cannot be read.
var ErrMalformed = errors.New("malformed layout")

// Layout returns where the running kernel keeps the fields that probes fetch,
// by structure and field: "net_device.reg_state". A kernel that counts
// references per processor has net_device.pcpu_refcnt, a pointer, in place of
// net_device.dev_refcnt, a word.
func (m *Module) Layout() (map[string]Field, error) {
	text, err := os.ReadFile(filepath.Join(m.dir, "layout"))
	if err != nil {
		return nil, fmt.Errorf("layout from module %s: %w", Name, err)
	}
	return ParseLayout(text)
}

// ParseLayout reads lines of name, offset and size.
func ParseLayout(text []byte) (map[string]Field, error) {
	fields := map[string]Field{}
	for line := range bytes.Lines(text) {
		words := strings.Fields(string(line))
		if len(words) != 3 {
			return nil, fmt.Errorf("%w: %q", ErrMalformed, line)
		}
		offset, err := strconv.ParseUint(words[1], 10, 31)
		size, err2 := strconv.ParseUint(words[2], 10, 31)
		if err := errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		fields[words[0]] = Field{Offset: int(offset), Size: int(size)}
	}
	return fields, nil
}
