package kallsyms

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// modulesStart is where the code of modules begins on x86-64 (MODULES_VADDR,
// Documentation/arch/x86/x86_64/mm.rst); that of the kernel itself is below.
const modulesStart = 0xffffffffa0000000

// An Index finds functions by address. It reads the kernel's table again when the
// module that an address is in came since.
type Index struct {
	read    func() (Table, error)
	modules func() ([]byte, error)
	loaded  []placed // the modules that the index has
	now     []placed // those that there are; nil when that is not known
	symbols []symbol
	frames  map[uint64]string
}

// symbol is a function of the table.
type symbol struct {
	address uint64
	name    string
}

// placed is a module and where it is.
type placed struct {
	name       string
	start, end uint64
}

// NewIndex returns an index of the table of the running kernel.
func NewIndex() *Index {
	return &Index{
		read:    func() (Table, error) { return Read(Path) },
		modules: func() ([]byte, error) { return os.ReadFile("/proc/modules") },
	}
}

// NewIndexOf returns an index of a table that does not change.
func NewIndexOf(t Table) *Index {
	return &Index{
		read:    func() (Table, error) { return t, nil },
		modules: func() ([]byte, error) { return nil, nil },
	}
}

// Recheck says that modules may have come and gone since.
func (x *Index) Recheck() { x.now = nil }

// Frame names the address as a stack trace does, "kmalloc+0x2c", or by its number
// where no function is.
func (x *Index) Frame(address uint64) (string, error) {
	if err := x.refresh(address); err != nil {
		return "", err
	}
	if frame, ok := x.frames[address]; ok {
		return frame, nil
	}
	frame := x.find(address)
	x.frames[address] = frame
	return frame, nil
}

// refresh reads the table if there is none yet, or if it has another module at the
// address. Reading it takes as long as many cases, so that modules elsewhere may
// come and go.
func (x *Index) refresh(address uint64) error {
	if x.symbols != nil && address < modulesStart {
		return nil
	}
	if x.now == nil {
		text, err := x.modules()
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("list modules: %w", err)
		}
		x.now = modulesOf(text)
	}
	if x.symbols != nil && moduleAt(x.now, address) == moduleAt(x.loaded, address) {
		return nil
	}
	table, err := x.read()
	if err != nil {
		return err
	}
	x.loaded, x.symbols, x.frames = x.now, table.functions(), map[uint64]string{}
	return nil
}

// modulesOf reads lines of name, size, …, address (m_show() in
// kernel/module/procfs.c).
func modulesOf(text []byte) []placed {
	all := []placed{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		for _, f := range fields {
			hex, ok := strings.CutPrefix(f, "0x")
			start, err := strconv.ParseUint(hex, 16, 64)
			size, err2 := strconv.ParseUint(fields[1], 10, 32)
			if ok && err == nil && err2 == nil {
				all = append(all, placed{fields[0], start, start + size})
			}
		}
	}
	return all
}

// moduleAt returns the module at the address, the zero one when there is none.
func moduleAt(modules []placed, address uint64) placed {
	for _, m := range modules {
		if address >= m.start && address < m.end {
			return m
		}
	}
	return placed{}
}

// functions are the symbols of code in the table, by address.
func (t Table) functions() []symbol {
	all := make([]symbol, 0, bytes.Count(t, []byte("\n")))
	for line := range bytes.Lines(t) {
		// ffffffff81000000 t name	[module]
		digits, rest, _ := bytes.Cut(line, []byte(" "))
		sort, rest, ok := bytes.Cut(rest, []byte(" "))
		if !ok || len(sort) != 1 || sort[0]|0x20 != 't' && sort[0]|0x20 != 'w' {
			continue
		}
		address, err := strconv.ParseUint(string(digits), 16, 64)
		if err != nil {
			continue
		}
		name, _, _ := bytes.Cut(bytes.TrimRight(rest, "\n"), []byte("\t"))
		all = append(all, symbol{address, string(name)})
	}
	slices.SortStableFunc(all, func(a, b symbol) int { return cmp.Compare(a.address, b.address) })
	return all
}

// find names the function that begins last before the address, the first of those
// that begin together.
func (x *Index) find(address uint64) string {
	i, found := slices.BinarySearchFunc(x.symbols, address, func(s symbol, a uint64) int { return cmp.Compare(s.address, a) })
	if !found {
		i--
	}
	if i < 0 {
		return fmt.Sprintf("%#x", address)
	}
	for i > 0 && x.symbols[i-1].address == x.symbols[i].address {
		i--
	}
	return fmt.Sprintf("%s+%#x", x.symbols[i].name, address-x.symbols[i].address)
}
