package guest

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLockdepOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lockdep_stats")
	if off, err := lockdepOff(file); off || err != nil {
		t.Errorf("without lockdep: %v, %v", off, err)
	}
	for text, want := range map[string]bool{
		" lock-classes:      851 [max: 8192]\n debug_locks:                   1\n": false,
		" lock-classes:      851 [max: 8192]\n debug_locks:                   0\n": true,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if off, err := lockdepOff(file); off != want || err != nil {
			t.Errorf("lockdepOff() of %q: %v, %v", text, off, err)
		}
	}
}
