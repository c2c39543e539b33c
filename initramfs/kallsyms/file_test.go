package kallsyms

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// object writes a module's file with a function at 0x10 of .text, another at 0x20 of
// .init.text, and a variable.
func object(t *testing.T) string {
	t.Helper()
	names := []byte("\x00.text\x00.init.text\x00.symtab\x00.strtab\x00late\x00early\x00state\x00")
	name := func(s string) uint32 { return uint32(bytes.Index(names, []byte(s+"\x00"))) }
	code := elf.ST_INFO(elf.STB_LOCAL, elf.STT_FUNC)
	symbols := []elf.Sym64{
		{},
		{Name: name("late"), Info: code, Shndx: 1, Value: 0x10, Size: 8},
		{Name: name("early"), Info: code, Shndx: 2, Value: 0x20, Size: 8},
		{Name: name("state"), Info: elf.ST_INFO(elf.STB_LOCAL, elf.STT_OBJECT), Shndx: 1, Value: 0x18, Size: 4},
	}
	header := elf.Header64{Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1,
		Ehsize: 64, Shentsize: 64, Shnum: 5, Shstrndx: 4}
	copy(header.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	table := uint64(64 + len(names))
	header.Shoff = table + uint64(len(symbols)*elf.Sym64Size)
	sections := []elf.Section64{
		{},
		{Name: name(".text"), Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_EXECINSTR)},
		{Name: name(".init.text"), Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_EXECINSTR)},
		{Name: name(".symtab"), Type: uint32(elf.SHT_SYMTAB), Off: table, Size: uint64(len(symbols) * elf.Sym64Size), Link: 4, Entsize: elf.Sym64Size},
		{Name: name(".strtab"), Type: uint32(elf.SHT_STRTAB), Off: 64, Size: uint64(len(names))},
	}
	var file bytes.Buffer
	for _, part := range []any{header, names, symbols, sections} {
		if err := binary.Write(&file, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "late.ko")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestIndexOfFile: of a module that came after the table was read the file tells, once.
func TestIndexOfFile(t *testing.T) {
	path, opened, modules := object(t), 0, ""
	x := &Index{
		read:    func() (Table, error) { return nil, errors.New("the table was read") },
		modules: func() ([]byte, error) { return []byte(modules), nil },
		open:    func(string) (*os.File, error) { opened++; return os.Open(path) },
		place:   func(string, string) (uint64, error) { return ModulesStart + 0x1040, nil },
	}
	if err := x.learn(Table("ffffffff81000000 T first\n")); err != nil {
		t.Fatal(err)
	}
	modules = "late 4096 0 - Live 0xffffffffa0001000\n"
	for address, want := range map[uint64]string{
		0xffffffff81000004:            "first+0x4",
		ModulesStart + 0x1040 + 0x14:  "late+0x4",
		ModulesStart + 0x1040 + 0x100: "late+0xf0",
	} {
		if got, err := x.Frame(address); got != want || err != nil {
			t.Errorf("Frame(%#x) = %q, %v, want %q", address, got, err, want)
		}
	}
	if opened != 1 {
		t.Errorf("the file was opened %d times", opened)
	}
	path += ".gone"
	modules = strings.Replace(modules, "4096", "8192", 1)
	x.Recheck()
	if _, err := x.Frame(ModulesStart + 0x1054); err == nil {
		t.Error("neither file nor table, and no error")
	}
}

func TestSectionPlace(t *testing.T) {
	m := placed{"dummy", ModulesStart, 0x1000}
	places := map[string]uint64{".text": ModulesStart + 0x40, ".text.unlikely": ModulesStart + 0x1000}
	x := &Index{place: func(_, section string) (uint64, error) {
		if p, ok := places[section]; ok {
			return p, nil
		}
		return 0, fs.ErrNotExist
	}}
	tests := []struct {
		section string
		want    uint64
		fails   bool
	}{
		{".text", ModulesStart + 0x40, false},
		{".init.text", 0, false},
		{".text.unlikely", 0, true},
		{".noinstr.text", 0, true},
	}
	for _, tt := range tests {
		got, err := x.sectionPlace(m, tt.section)
		if (err != nil) != tt.fails || err == nil && got != tt.want {
			t.Errorf("sectionPlace(%s) = %#x, %v", tt.section, got, err)
		}
	}
}
