// Package kallsyms finds functions and variables of the running kernel.
package kallsyms

import (
	"bytes"
	"fmt"
	"os"
)

// Path is the kernel's symbol table (kernel/kallsyms.c).
const Path = "/proc/kallsyms"

// Symbols maps a name to the name under which kprobe_events takes it: with the
// suffix that the compiler gave to a clone (.isra.0, .constprop.0), and the
// module's name in front of a module's symbol.
type Symbols map[string]string

// Table is the text of the symbol table. It is long, and the kernel writes it anew
// for each reader.
type Table []byte

// Read reads the table at path.
func Read(path string) (Table, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("find symbols: %w", err)
	}
	return text, nil
}

// Find looks for names in the table. A name that it does not have was inlined, or
// is not in this kernel.
func (t Table) Find(names ...string) Symbols {
	want := map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	found := Symbols{}
	for line := range bytes.Lines(t) {
		// ffffffff81000000 t name	[module]
		_, rest, _ := bytes.Cut(line, []byte(" "))
		_, rest, ok := bytes.Cut(rest, []byte(" "))
		if !ok {
			continue
		}
		symbol, module, _ := bytes.Cut(bytes.TrimRight(rest, "\n"), []byte("\t"))
		name, suffix, _ := bytes.Cut(symbol, []byte("."))
		if !want[string(name)] || bytes.HasSuffix(suffix, []byte("cold")) {
			continue
		}
		found[string(name)] = string(symbol)
		if len(module) > 0 {
			found[string(name)] = string(bytes.Trim(module, "[]")) + ":" + string(symbol)
		}
	}
	return found
}
