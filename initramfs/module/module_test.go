package module

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
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
