package module

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	want := filepath.Join(dir, "kernel/lib/netdev-notifier-error-inject.ko")
	if err := os.MkdirAll(filepath.Dir(want), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"netdev-notifier-error-inject", "netdev_notifier_error_inject"} {
		if got, err := Dir(dir).file(name); got != want || err != nil {
			t.Errorf("file(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	for _, d := range []Dir{Dir(dir), Dir(filepath.Join(dir, "absent"))} {
		if err := d.Load("bonding", ""); !errors.Is(err, ErrAbsent) {
			t.Errorf("Load() of a module that is not there: %v, want %v", err, ErrAbsent)
		}
	}
}

func TestBelow(t *testing.T) {
	dir := Dir(t.TempDir())
	at := func(path string) string { return filepath.Join(string(dir), path) }
	tests := []struct {
		name, text string
		want       []string
	}{
		{"none", "kernel/net/other.ko: kernel/lib/a.ko\nkernel/net/it.ko:\n", nil},
		{"two", "kernel/net/it.ko: kernel/lib/high.ko kernel/lib/low.ko\n", []string{at("kernel/lib/low.ko"), at("kernel/lib/high.ko")}},
		{"not listed", "kernel/net/other.ko:\n", nil},
	}
	for _, test := range tests {
		if err := os.WriteFile(at(DepFile), []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := dir.below(at("kernel/net/it.ko"))
		if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
	}
	if got, err := Dir(at("absent")).below(at("absent/it.ko")); got != nil || err != nil {
		t.Errorf("without %s: %v, %v", DepFile, got, err)
	}
}

func TestKeepers(t *testing.T) {
	const text = `vport_vxlan 12288 0 - Live 0xffffffffc0a00000
vxlan 122880 1 vport_vxlan, Live 0xffffffffc0900000
tun 57344 2 - Live 0xffffffffc0800000
ne2k_pci 16384 0 - Live 0xffffffffc0700000
ip6_udp_tunnel 12288 3 vxlan,geneve,bareudp, Live 0xffffffffc0600000
vrf 40960 0 [permanent], Live 0xffffffffc0500000
`
	tests := []struct {
		name string
		want []string
	}{
		{"vxlan", []string{"vport_vxlan"}},
		{"ip6_udp_tunnel", []string{"vxlan", "geneve", "bareudp"}},
		{"tun", nil},
		{"ne2k-pci", nil},
		{"vrf", []string{"[permanent]"}},
	}
	for _, test := range tests {
		got, err := keepers(text, test.name)
		if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
	}
	for _, text := range []string{text, "geneve 12288\n"} {
		if got, err := keepers(text, "geneve"); err == nil {
			t.Errorf("keepers(%q) = %q, want an error", text, got)
		}
	}
}
