package suite

import (
	"os"
	"strings"
	"testing"

	"netdev.test/teardown/runner/kernel"
)

func TestNewOut(t *testing.T) {
	cache := t.TempDir()
	for _, k := range []kernel.Kernel{{Line: "6.1"}, {Release: "6.12.1-mine"}} {
		out, err := NewOut(cache, k)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, k.Line) || !strings.Contains(out, k.Release) {
			t.Errorf("folder %s does not name its kernel", out)
		}
		to, err := os.Readlink(cache + "/runs/latest")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(out, "/"+to) {
			t.Errorf("latest leads to %s, want %s", to, out)
		}
	}
}
