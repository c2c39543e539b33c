package guest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/kallsyms"
)

func TestSymbolTable(t *testing.T) {
	var table symbolTable
	if got := table.Find("bond_init"); len(got) > 0 { // drivers are loaded before the table is read
		t.Errorf("without a table bond_init is %v", got)
	}
	table.Table = kallsyms.Table("ffffffff81000000 t bond_init.isra.0\t[bonding]\nffffffff81000010 T register_netdevice\n")
	for _, tt := range []struct {
		names []string
		want  kallsyms.Symbols
	}{
		{[]string{"bond_init", "absent"}, kallsyms.Symbols{"bond_init": "bonding:bond_init.isra.0"}},
		{[]string{"absent", "register_netdevice"}, kallsyms.Symbols{"register_netdevice": "register_netdevice"}},
		{nil, kallsyms.Symbols{}},
	} {
		if diff := cmp.Diff(tt.want, table.Find(tt.names...)); diff != "" {
			t.Errorf("Find(%q), want (-), got (+):\n%s", tt.names, diff)
		}
	}
	table.Table = nil // what was met is not looked for again
	if diff := cmp.Diff(kallsyms.Symbols{"bond_init": "bonding:bond_init.isra.0"}, table.Find("bond_init", "absent")); diff != "" {
		t.Errorf("a second time, want (-), got (+):\n%s", diff)
	}
}
