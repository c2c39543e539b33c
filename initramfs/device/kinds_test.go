package device

import (
	"strings"
	"testing"

	"netdev.test/teardown/initramfs/rtnl"
)

// TestKinds checks that the catalogue's entries are whole, and that every way
// through rtnetlink makes a request.
func TestKinds(t *testing.T) {
	conn, err := rtnl.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	seen := map[string]bool{}
	for _, k := range Kinds {
		if k.Name == "" || seen[k.Name] || len(k.Ways) == 0 || !strings.HasPrefix(k.Config, "CONFIG_") || !strings.HasSuffix(k.Source, ".c") {
			t.Errorf("kind %+v is not whole", k)
		}
		seen[k.Name] = true
		if got, ok := ByName(k.Name); !ok || got.Name != k.Name {
			t.Errorf("ByName(%q) = %v, %v", k.Name, got.Name, ok)
		}
		for _, w := range k.Ways {
			if w.Name == "" || w.Chosen.Has(Name) == (w.Given != "") {
				t.Errorf("%s: way %q lets nobody choose a name and gives none, or does both", k.Name, w.Name)
			}
			if k.Pair != w.Chosen.Has(Peer) {
				t.Errorf("%s: a pair, and its way %s does not describe the peer, or the other way round", k.Name, w.Name)
			}
			if !w.Chosen.Has(Index) {
				continue // it opens a file of the guest
			}
			e := &Env{Netlink: conn}
			d := Device{Name: "td0", Index: 1000, Peer: &Device{Name: "td0p", Index: 1001}}
			if _, err := w.New(e, d); err != nil {
				t.Errorf("%s: %v", k.Name, err)
			}
			if _, err := w.Delete(e, d); err != nil {
				t.Errorf("%s: %v", k.Name, err)
			}
		}
	}
	if _, ok := ByName("absent"); ok {
		t.Error("ByName() found a kind that is not there")
	}
}
