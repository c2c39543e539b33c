// Package kallsyms finds functions and variables of the running kernel.
package kallsyms

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// Path is the kernel's symbol table (kernel/kallsyms.c).
const Path = "/proc/kallsyms"

// Symbols maps a name to the name under which kprobe_events takes it: with the
// suffix that the compiler gave to a clone (.isra.0, .constprop.0), and the
// module's name in front of a module's symbol.
type Symbols map[string]string

// Find looks for names in the table at path, in one pass, because the table is
// long. A name that it does not have was inlined, or is not in this kernel.
func Find(path string, names ...string) (Symbols, error) {
	want := map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("find symbols: %w", err)
	}
	defer f.Close()
	found := Symbols{}
	s := bufio.NewScanner(f)
	for s.Scan() {
		// ffffffff81000000 t name	[module]
		fields := strings.Fields(s.Text())
		if len(fields) < 3 {
			continue
		}
		name, suffix, _ := strings.Cut(fields[2], ".")
		if !want[name] || strings.HasSuffix(suffix, "cold") {
			continue
		}
		found[name] = fields[2]
		if len(fields) > 3 {
			found[name] = strings.Trim(fields[3], "[]") + ":" + fields[2]
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("find symbols: %w", err)
	}
	return found, nil
}
