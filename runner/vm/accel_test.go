package vm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The machinery of the proof, shown with guests that need no KVM.
func TestTry(t *testing.T) {
	tests := []struct {
		name, kernel string
		accel        Accel
		limit        time.Duration
		want         string // in the reason; "" when the accelerator is proven
	}{
		{"boots", guest(t, say("Kernel panic - not syncing: No working init found.  Try"), reset), TCG, time.Minute, ""},
		{"ends early", guest(t, say("Linux version"), reset), TCG, time.Minute, "ended before it had booted"},
		{"hangs", guest(t, say("Linux version")), TCG, time.Second, "hung for 1s"},
		{"QEMU fails", guest(t), "nonesuch", time.Minute, "nonesuch does not work here: qemu failed: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, reason, err := try(t.Context(), Config{Kernel: test.kernel, Accel: test.accel}, test.limit)
			if err != nil {
				t.Fatal(err)
			}
			if got != TCG || !strings.Contains(reason, test.want) || (reason == "") != (test.want == "") {
				t.Errorf("%s, %q; want %q", got, reason, test.want)
			}
			if left := children(); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestTryCancelled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if got, reason, err := try(ctx, Config{Kernel: guest(t)}, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s, %q, %v; want %v", got, reason, err, context.DeadlineExceeded)
	}
}

func TestInaccessible(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, want string }{
		{there, ""},
		{filepath.Join(dir, "gone"), "is not there"},
		{dir, "not usable"}, // a folder
	}
	for _, test := range tests {
		if got := inaccessible(test.path); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.path, got, test.want)
		}
	}
}

func TestRecall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accel.json")
	if _, ok := recall(path); ok {
		t.Error("remembered what never was")
	}
	want := proof{Boot: "b", QEMU: "q 1 2", Accel: TCG, Reason: "r"}
	if err := remember(path, want); err != nil {
		t.Fatal(err)
	}
	if got, ok := recall(path); !ok || got != want {
		t.Errorf("%v, %v", got, cmp.Diff(want, got))
	}
	for _, text := range []string{"", "{", `{"accel":"xen"}`, "{}"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := recall(path); ok {
			t.Errorf("%q is taken for a proof", text)
		}
	}
}

// What is remembered is used as long as it holds.
func TestProveAccel(t *testing.T) {
	if reason := inaccessible("/dev/kvm"); reason != "" {
		cache := t.TempDir()
		for _, fresh := range []bool{true, false} {
			got, err := ProveAccel(t.Context(), cache, "", "")
			if want := (Proof{TCG, reason, fresh}); got != want || err != nil {
				t.Errorf("%+v, %v; want %+v", got, err, want)
			}
		}
		return
	}
	cache, kernel := t.TempDir(), guest(t)
	if _, err := ProveAccel(t.Context(), cache, "", filepath.Join(cache, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no kernel: %v", err)
	}
	held, err := circumstances("")
	if err != nil {
		t.Fatal(err)
	}
	held.Accel, held.Reason = TCG, "as remembered"
	if err := remember(filepath.Join(cache, "accel.json"), held); err != nil {
		t.Fatal(err)
	}
	got, err := ProveAccel(t.Context(), cache, "", kernel)
	if want := (Proof{TCG, "as remembered", false}); got != want || err != nil {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	held.Boot = "another"
	if err := remember(filepath.Join(cache, "accel.json"), held); err != nil {
		t.Fatal(err)
	}
	// This kernel never says that it booted.
	got, err = ProveAccel(t.Context(), cache, "", kernel)
	if !got.Fresh || got.Reason == "as remembered" || err != nil {
		t.Errorf("%+v, %v; want it to be found out again", got, err)
	}
}

func TestScale(t *testing.T) {
	for accel, want := range map[Accel]int{KVM: 1, TCG: 4} {
		if got := accel.Scale(); got != want {
			t.Errorf("%s: %d, want %d", accel, got, want)
		}
	}
}
