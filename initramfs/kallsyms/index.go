package kallsyms

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// modulesStart is where the code of modules begins on x86-64 (MODULES_VADDR,
// Documentation/arch/x86/x86_64/mm.rst); that of the kernel itself is below.
const modulesStart = 0xffffffffa0000000

// An Index finds functions by address. It reads the kernel's table again when a
// module came or went since.
type Index struct {
	read    func() (Table, error)
	modules func() ([]byte, error)
	loaded  string // the modules that the index has, and where
	checked bool   // these are still the ones that there are
	symbols []symbol
	frames  map[uint64]string
}

// symbol is a function of the table.
type symbol struct {
	address uint64
	name    string
}

// NewIndex returns an index of the table of the running kernel.
func NewIndex() *Index {
	return &Index{
		read:    func() (Table, error) { return Read(Path) },
		modules: func() ([]byte, error) { return os.ReadFile("/proc/modules") },
	}
}

// Recheck says that modules may have come and gone since.
func (x *Index) Recheck() { x.checked = false }

// Frame names the address as a stack trace does, "kmalloc+0x2c", or by its number
// where no function is.
func (x *Index) Frame(address uint64) (string, error) {
	if x.symbols == nil || address >= modulesStart && !x.checked {
		if err := x.refresh(); err != nil {
			return "", err
		}
	}
	if frame, ok := x.frames[address]; ok {
		return frame, nil
	}
	frame := x.find(address)
	x.frames[address] = frame
	return frame, nil
}

// refresh reads the table if there is none yet, or if it is out of date.
func (x *Index) refresh() error {
	loaded, err := x.placed()
	if err != nil {
		return err
	}
	x.checked = true
	if x.symbols != nil && loaded == x.loaded {
		return nil
	}
	table, err := x.read()
	if err != nil {
		return err
	}
	x.loaded, x.symbols, x.frames = loaded, table.functions(), map[uint64]string{}
	return nil
}

// placed lists the modules with their addresses: the first and the last field of
// each line (m_show() in kernel/module/procfs.c).
func (x *Index) placed() (string, error) {
	text, err := x.modules()
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("list modules: %w", err)
	}
	var b []byte
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		for i, f := range fields {
			if i == 0 || bytes.HasPrefix(f, []byte("0x")) {
				b = append(append(b, f...), ' ')
			}
		}
	}
	return string(b), nil
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

// NewIndexOf returns an index of a table that does not change.
func NewIndexOf(t Table) *Index {
	return &Index{
		read:    func() (Table, error) { return t, nil },
		modules: func() ([]byte, error) { return nil, nil },
	}
}
