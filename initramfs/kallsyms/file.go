package kallsyms

import (
	"cmp"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// fileSymbols are the functions of a module that is loaded, by their distance from its
// start: those of its file's symbol table, in the sections that stay.
func (x *Index) fileSymbols(m placed) ([]symbol, error) {
	f, err := x.open(m.name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", m.name, err)
	}
	all, err := file.Symbols()
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", m.name, err)
	}
	places := map[elf.SectionIndex]uint64{}
	var symbols []symbol
	for _, s := range all {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Section == elf.SHN_UNDEF || int(s.Section) >= len(file.Sections) {
			continue
		}
		place, met := places[s.Section]
		if !met {
			if place, err = x.sectionPlace(m, file.Sections[s.Section].Name); err != nil {
				return nil, err
			}
			places[s.Section] = place
		}
		if place != 0 {
			symbols = append(symbols, symbol{place + s.Value - m.start, s.Name})
		}
	}
	slices.SortStableFunc(symbols, func(a, b symbol) int { return cmp.Compare(a.address, b.address) })
	return symbols, nil
}

// sectionPlace is where the module's section is, or 0 for one that is gone once the module
// has begun (module_init_section() in kernel/module/main.c).
func (x *Index) sectionPlace(m placed, section string) (uint64, error) {
	if strings.HasPrefix(section, ".init") {
		return 0, nil
	}
	place, err := x.place(m.name, section)
	if err == nil && (place < m.start || place-m.start >= m.size) {
		err = fmt.Errorf("module %s: section %s is at %#x, outside of it", m.name, section, place)
	}
	return place, err
}

// sectionAddress is where the running kernel put a module's section
// (module_sect_read() in kernel/module/sysfs.c).
func sectionAddress(module, section string) (uint64, error) {
	path := filepath.Join("/sys/module", module, "sections", section)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	address, err := strconv.ParseUint(strings.TrimSpace(string(text)), 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return address, nil
}
