package guest

import (
	"sync"

	"netdev.test/teardown/initramfs/kallsyms"
)

// symbolTable is the kernel's table of symbols when the guest was set up. It has a
// hundred thousand lines, and is gone through once for a name.
type symbolTable struct {
	kallsyms.Table

	mu    sync.Mutex
	names map[string]string // what was found, or not: ""
}

// Find is [kallsyms.Table.Find].
func (t *symbolTable) Find(names ...string) kallsyms.Symbols {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.meet(names)
	found := kallsyms.Symbols{}
	for _, name := range names {
		if symbol := t.names[name]; symbol != "" {
			found[name] = symbol
		}
	}
	return found
}

// meet looks for the names that it was not asked for before.
func (t *symbolTable) meet(names []string) {
	var fresh []string
	for _, name := range names {
		if _, met := t.names[name]; !met {
			fresh = append(fresh, name)
		}
	}
	if len(fresh) == 0 || t.Table == nil { // the drivers are loaded before the table is read
		return
	}
	if t.names == nil {
		t.names = map[string]string{}
	}
	found := t.Table.Find(fresh...)
	for _, name := range fresh {
		t.names[name] = found[name]
	}
}
