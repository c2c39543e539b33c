package device

import "testing"

// TestGadgetOps checks that each function has a folder of its own, which its
// deletion removes, and that both operations prepare.
func TestGadgetOps(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range []gadget{phonetGadget, ecmGadget, eemGadget, ncmGadget, rndisGadget, subsetGadget} {
		if seen[g.instance()] {
			t.Errorf("%s is used twice", g.instance())
		}
		seen[g.instance()] = true
		op, err := newInstanceRemoval(g)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(op.(instanceRemoval).path); got != g.instance()+"\x00" {
			t.Errorf("%s: removes %q", g.function, got)
		}
	}
	for _, op := range []Op{gadgetBind{}, instanceRemoval{}} {
		if _, ok := op.(Preparer); !ok {
			t.Errorf("%T does not prepare", op)
		}
	}
	if ecmAgain.way("usb0").Name == ecmGadget.way("usb0").Name {
		t.Error("two ways of f_ecm have one name")
	}
}
