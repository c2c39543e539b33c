package kallsyms

import (
	"errors"
	"os"
	"testing"
)

func TestIndex(t *testing.T) {
	table := Table("ffffffff81000000 T first\nffffffff81000100 t second\nffffffff81000100 t alias\nffffffff81000180 d data\nffffffffa0000000 t bond_init\t[bonding]\n")
	modules := "bonding 200704 0 - Live 0xffffffffa0000000\n"
	reads := 0
	x := &Index{
		read:    func() (Table, error) { reads++; return table, nil },
		modules: func() ([]byte, error) { return []byte(modules), nil },
		open:    func(string) (*os.File, error) { return nil, os.ErrNotExist },
	}
	check := func(address uint64, want string) {
		t.Helper()
		if got, err := x.Frame(address); got != want || err != nil {
			t.Errorf("Frame(%#x) = %q, %v, want %q", address, got, err, want)
		}
	}
	check(0xffffffff81000010, "first+0x10")
	check(0xffffffff81000190, "second+0x90")
	check(0xffffffff80000000, "0xffffffff80000000")
	check(0xffffffffa0000004, "bond_init+0x4")
	check(0xffffffffa0100004, "0xffffffffa0100004")
	modules += "late 4096 0 - Live 0xffffffffa0100000\n" // without a word
	table = append(table, "ffffffffa0100000 t late_init\t[late]\n"...)
	check(0xffffffffa0100004, "late_init+0x4")
	x.Recheck()
	modules = "bonding 200704 3 - Live 0xffffffffa0000000\n" // one more user
	check(0xffffffffa0000004, "bond_init+0x4")
	x.Recheck()
	modules += "other 12288 0 - Live 0xffffffffa0040000\n" // elsewhere
	check(0xffffffffa0000004, "bond_init+0x4")
	if reads != 2 {
		t.Errorf("the table was read %d times", reads)
	}
	table = Table("ffffffff81000000 T first\nffffffffa0000000 t dummy_setup\t[dummy]\n")
	x.Recheck()
	modules = "dummy 12288 0 - Live 0xffffffffa0000000\n"
	check(0xffffffffa0000004, "dummy_setup+0x4")
	if reads != 3 {
		t.Errorf("the table was read %d times after a module came", reads)
	}
	x.Recheck()
	modules = "dummy 12288 0 - Live 0xffffffffa0100000\n" // the same one, elsewhere
	check(0xffffffffa0100004, "dummy_setup+0x4")
	check(0xffffffffa0000004, "0xffffffffa0000004")
	if reads != 3 {
		t.Errorf("the table was read %d times after a module came again", reads)
	}
	failing := &Index{read: func() (Table, error) { return nil, errors.New("gone") }, modules: func() ([]byte, error) { return nil, nil }}
	if _, err := failing.Frame(1); err == nil {
		t.Error("no error without a table")
	}
}
