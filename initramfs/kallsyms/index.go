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

// ModulesStart is where the code of modules begins on x86-64 (MODULES_VADDR,
// Documentation/arch/x86/x86_64/mm.rst); that of the kernel itself is below.
const ModulesStart = 0xffffffffa0000000

// An Index finds functions by address. Reading the kernel's table takes as long as many
// cases. So it knows a module again that is loaded a second time, wherever it is then, and
// gets to know one from its file.
type Index struct {
	read    func() (Table, error)
	modules func() ([]byte, error)
	open    func(module string) (*os.File, error)
	place   func(module, section string) (uint64, error)
	now     []placed // the modules that there are; nil when that is not known
	kernel  code
	drivers map[string]code // of the modules that it met, by name, addresses from their start
}

// code is what has functions: the kernel's image, or a module.
type code struct {
	size    uint64 // of a module
	symbols []symbol
	frames  map[uint64]string // what was asked for, by address
}

// symbol is a function of the table.
type symbol struct {
	address uint64
	name    string
}

// placed is a module and where it is.
type placed struct {
	name        string
	start, size uint64
}

// NewIndex returns an index of the table of the running kernel, which was just read. open
// opens a module's file. Where that cannot be read the table is, once more.
func NewIndex(t Table, open func(module string) (*os.File, error)) (*Index, error) {
	x := &Index{
		read:    func() (Table, error) { return Read(Path) },
		modules: func() ([]byte, error) { return os.ReadFile("/proc/modules") },
		open:    open,
		place:   sectionAddress,
	}
	return x, x.learn(t)
}

// NewIndexOf returns an index of a table that does not change.
func NewIndexOf(t Table) *Index {
	return &Index{
		read:    func() (Table, error) { return t, nil },
		modules: func() ([]byte, error) { return nil, nil },
		open:    func(string) (*os.File, error) { return nil, os.ErrNotExist },
	}
}

// Recheck says that modules may have gone since, and others be in their place. That one
// came where none was needs no word.
func (x *Index) Recheck() { x.now = nil }

// Frame names the address as a stack trace does, "kmalloc+0x2c", or by its number
// where no function is.
func (x *Index) Frame(address uint64) (string, error) {
	if address < ModulesStart {
		if x.kernel.symbols == nil {
			if err := x.refresh(); err != nil {
				return "", err
			}
		}
		return x.kernel.frame(address, address), nil
	}
	m, err := x.at(address)
	if err != nil {
		return "", err
	}
	if m.name == "" {
		return number(address), nil
	}
	if d, ok := x.drivers[m.name]; !ok || d.size != m.size {
		if err := x.meet(m); err != nil {
			return "", err
		}
	}
	return x.drivers[m.name].frame(address-m.start, address), nil
}

// at returns the module at the address, the zero one when there is none.
func (x *Index) at(address uint64) (placed, error) {
	if m := moduleAt(x.now, address); m.name != "" {
		return m, nil
	}
	x.now = nil
	if err := x.list(); err != nil {
		return placed{}, err
	}
	return moduleAt(x.now, address), nil
}

// list makes sure that it is known which modules there are.
func (x *Index) list() error {
	if x.now != nil {
		return nil
	}
	text, err := x.modules()
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("list modules: %w", err)
	}
	x.now = modulesOf(text)
	return nil
}

// meet gets to know a module that is there.
func (x *Index) meet(m placed) error {
	symbols, err := x.fileSymbols(m)
	if err != nil || x.drivers == nil {
		return x.refresh()
	}
	x.drivers[m.name] = code{m.size, symbols, map[uint64]string{}}
	return nil
}

// refresh reads the table.
func (x *Index) refresh() error {
	table, err := x.read()
	if err != nil {
		return err
	}
	return x.learn(table)
}

// learn takes what is in the table, with the modules that there are now.
func (x *Index) learn(table Table) error {
	if err := x.list(); err != nil {
		return err
	}
	functions := table.functions()
	x.kernel = code{symbols: functions[""], frames: map[uint64]string{}}
	if x.drivers == nil {
		x.drivers = map[string]code{}
	}
	for _, m := range x.now {
		symbols := functions[m.name]
		for i := range symbols {
			symbols[i].address -= m.start
		}
		x.drivers[m.name] = code{m.size, symbols, map[uint64]string{}}
	}
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
				all = append(all, placed{fields[0], start, size})
			}
		}
	}
	return all
}

// moduleAt returns the module at the address, the zero one when there is none.
func moduleAt(modules []placed, address uint64) placed {
	for _, m := range modules {
		if address >= m.start && address-m.start < m.size {
			return m
		}
	}
	return placed{}
}

// functions are the symbols of code in the table, by address, of each module and, under
// no name, of the kernel's image.
func (t Table) functions() map[string][]symbol {
	all := map[string][]symbol{"": make([]symbol, 0, bytes.Count(t, []byte("\n")))}
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
		name, module, _ := bytes.Cut(bytes.TrimRight(rest, "\n"), []byte("\t"))
		module = bytes.Trim(module, "[]")
		all[string(module)] = append(all[string(module)], symbol{address, string(name)})
	}
	for _, symbols := range all {
		slices.SortStableFunc(symbols, func(a, b symbol) int { return cmp.Compare(a.address, b.address) })
	}
	return all
}

// frame names the place, which is at that address of the kernel's memory.
func (c code) frame(place, address uint64) string {
	frame, ok := c.frames[place]
	if ok {
		return frame
	}
	if frame = c.find(place); frame == "" {
		return number(address)
	}
	c.frames[place] = frame
	return frame
}

// find names the function that begins last before the place, the first of those
// that begin together.
func (c code) find(place uint64) string {
	i, found := slices.BinarySearchFunc(c.symbols, place, func(s symbol, a uint64) int { return cmp.Compare(s.address, a) })
	if !found {
		i--
	}
	if i < 0 {
		return ""
	}
	for i > 0 && c.symbols[i-1].address == c.symbols[i].address {
		i--
	}
	return fmt.Sprintf("%s+%#x", c.symbols[i].name, place-c.symbols[i].address)
}

// number is the frame of an address where no function is.
func number(address uint64) string { return fmt.Sprintf("%#x", address) }
