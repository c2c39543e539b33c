package kallsyms

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kallsyms")
	text := `ffffffff81000000 T register_netdevice
ffffffff81000100 t dev_index_reserve.constprop.0
ffffffff81000200 t dev_index_reserve.constprop.0.cold
ffffffff81000300 b defer_free_list
garbage
ffffffffc0000000 t bond_init	[bonding]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	got := table.Find("register_netdevice", "dev_index_reserve", "defer_free_list", "bond_init", "absent")
	want := Symbols{
		"register_netdevice": "register_netdevice",
		"dev_index_reserve":  "dev_index_reserve.constprop.0",
		"defer_free_list":    "defer_free_list",
		"bond_init":          "bonding:bond_init",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Find() (-want +got):\n%s", diff)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("Read() of a file that is not there: no error")
	}
}
