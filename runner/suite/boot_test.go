package suite

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/kconfigs"
	"netdev.test/teardown/runner/kernel"
)

// TestQEMU: a guest gets what every guest gets, and then what its profile asks
// for.
func TestQEMU(t *testing.T) {
	got := qemu(Config{Append: []string{"kasan_multi_shot"}, MemoryMiB: 1024}).config
	if want := append(Append(""), "kasan_multi_shot"); !slices.Equal(got.Append, want) || got.MemoryMiB != 1024 {
		t.Errorf("%d MiB, arguments %q", got.MemoryMiB, got.Append)
	}
}

// TestCards: a guest has the cards that its kernel may have drivers for.
func TestCards(t *testing.T) {
	for _, c := range []struct {
		families []string
		want     int
	}{
		{nil, len(device.Cards)},
		{[]string{"basic", "tty"}, 0},
		{[]string{"basic", "virtual"}, 3},
		{[]string{"can"}, 2},
		{[]string{"nic"}, len(device.Cards) - 4},
	} {
		if got := cards(kernel.Kernel{Profile: "leak", Families: c.families}); len(got) != c.want {
			t.Errorf("families %q: cards %v, want %d", c.families, got, c.want)
		}
	}
}

// TestCommandLine: a kernel takes 2048 bytes (COMMAND_LINE_SIZE in
// arch/x86/include/asm/setup.h), and says nothing of what it cut.
func TestCommandLine(t *testing.T) {
	const most = 2048 - 256 // for those of package vm and vmtest
	profiles, err := kconfigs.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range profiles {
		line := strings.Join(slices.Concat(Append("7.3.4"), p.Append), " ")
		if len(line) > most {
			t.Errorf("profile %s: %d bytes of arguments", p.Name, len(line))
		}
	}
}

func TestSlubDebug(t *testing.T) {
	for release, want := range map[string]string{
		"5.10.262-teardown": "slub_debug=FA,net_namespace;A,",
		"6.12.117-teardown": "slub_debug=FA,net_namespace;A,",
		"7.3.4-teardown":    "slub_debug=FA,net_namespace;FA,",
		"unknown":           "slub_debug=FA,net_namespace;FA,",
	} {
		if got := slubDebug(release); !strings.HasPrefix(got, want) {
			t.Errorf("slubDebug(%q) = %q, want %q...", release, got, want)
		}
	}
}

func TestGuestEnv(t *testing.T) {
	t.Setenv("TEARDOWN_SEED", "42")
	want := []string{"GODEBUG=asyncpreemptoff=1", "TEARDOWN_SCALE=3", "TEARDOWN_SEED=42"}
	if diff := cmp.Diff(want, guestEnv(kconfigs.Profile{Scale: 3})); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}
