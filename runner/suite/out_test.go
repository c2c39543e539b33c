package suite

import (
	"os"
	"strings"
	"testing"

	"netdev.test/teardown/runner/kernel"
)

func TestLabel(t *testing.T) {
	for want, k := range map[string]kernel.Kernel{
		"6.1":         {Line: "6.1", Release: "6.1.1", Profile: "leak"},
		"6.1-san":     {Line: "6.1", Release: "6.1.1", Profile: "san"},
		"6.1.1_x":     {Release: "6.1.1/x"},
		"6.1.1-lock":  {Release: "6.1.1", Profile: "lock"},
		"6.1.1+leaky": {Release: "6.1.1+leaky", Profile: "leak"},
	} {
		if got := Label(k); got != want {
			t.Errorf("Label(%+v) = %s, want %s", k, got, want)
		}
	}
}

func TestNewOut(t *testing.T) {
	cache := t.TempDir()
	for _, label := range []string{"6.1", "6.12.1-mine"} {
		out, err := NewOut(cache, label)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, "-"+label+"-") {
			t.Errorf("folder %s does not name %s", out, label)
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
