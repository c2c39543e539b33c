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
