package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Accel says what executes the guest's instructions.
type Accel string

// The accelerators of QEMU that are used.
const (
	KVM Accel = "kvm" // the processor, through the host's kernel
	TCG Accel = "tcg" // QEMU itself: works everywhere, slowly
)

// Scale is the factor by which deadlines inside the guest are multiplied.
func (a Accel) Scale() int {
	if a == KVM {
		return 1
	}
	return 4
}

// proofTime is how long a kernel may take to boot under KVM. It takes about
// half a second on a processor, and a KVM that does not work may hang.
const proofTime = 5 * time.Second

// proof is what is remembered of an attempt to boot under KVM.
type proof struct {
	Boot   string `json:"boot"`   // the host's boot ID
	QEMU   string `json:"qemu"`   // path, size and time of change of QEMU
	Denied string `json:"denied"` // why /dev/kvm could not be opened; "" if it could
	Accel  Accel  `json:"accel"`  // the accelerator to use
	Reason string `json:"reason"` // why it is not KVM
}

// Proof is what is known of the accelerators of this machine.
type Proof struct {
	Accel  Accel  // the one to use
	Reason string // a sentence for people: why it is not KVM
	Fresh  bool   // it was found out just now, and not remembered
}

// ProveAccel finds the accelerator to use. It is KVM if kernel booted under
// it with qemu ("" as in [Config]), as far as a kernel comes without a root
// file system. That /dev/kvm can be opened proves nothing, nor does a guest
// smaller than Linux: under a broken KVM a boot sector may run while Linux
// hangs, or QEMU aborts over a model specific register.
//
// The outcome is remembered in the folder cache until the host reboots or
// QEMU changes. Errors are [ErrNoQEMU], those of the cache, and the end of ctx.
func ProveAccel(ctx context.Context, cache, qemu, kernel string) (Proof, error) {
	now, err := circumstances(qemu)
	if err != nil {
		return Proof{}, err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return Proof{}, fmt.Errorf("prove the accelerator: %w", err)
	}
	path := filepath.Join(cache, "accel.json")
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return Proof{}, fmt.Errorf("wait for another proof of the accelerator: %w", err)
	}
	defer lock.Close()
	now.Denied = inaccessible("/dev/kvm")
	if was, ok := recall(path); ok && was.Boot == now.Boot && was.QEMU == now.QEMU && was.Denied == now.Denied {
		return Proof{was.Accel, was.Reason, false}, nil
	}
	if now.Denied != "" {
		now.Accel, now.Reason = TCG, now.Denied
	} else if now.Accel, now.Reason, err = try(ctx, Config{QEMU: qemu, Kernel: kernel, Accel: KVM}, proofTime); err != nil {
		return Proof{}, err
	}
	if err := remember(path, now); err != nil {
		return Proof{}, fmt.Errorf("prove the accelerator: %w", err)
	}
	return Proof{now.Accel, now.Reason, true}, nil
}

// inaccessible says why the device of KVM cannot be used; "" if it can be
// opened.
func inaccessible(path string) string {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case err == nil:
		f.Close()
		return ""
	case errors.Is(err, os.ErrNotExist):
		return fmt.Sprintf("%s is not there: load the module kvm_intel or kvm_amd, or enable virtualization", path)
	case errors.Is(err, os.ErrPermission):
		return fmt.Sprintf("%s is not accessible: add yourself to the group kvm", path)
	}
	return fmt.Sprintf("KVM is not usable: %v", err)
}

// circumstances are those for which a proof holds.
func circumstances(qemu string) (proof, error) {
	bin, err := lookPath(qemu)
	if err != nil {
		return proof{}, err
	}
	fi, err := os.Stat(bin)
	if err != nil {
		return proof{}, fmt.Errorf("prove the accelerator: %w", err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return proof{}, fmt.Errorf("prove the accelerator: %w", err)
	}
	return proof{
		Boot: strings.TrimSpace(string(boot)),
		QEMU: fmt.Sprintf("%s %d %d", bin, fi.Size(), fi.ModTime().UnixNano()),
	}, nil
}

// booted are the ends of a kernel without a root file system
// (init/do_mounts.c and init/main.c; the second is that of a kernel without
// block devices).
var booted = []string{"Unable to mount root fs", "No working init found"}

// try boots c until it is clear that its accelerator works, or does not, or
// limit is over.
func try(ctx context.Context, c Config, limit time.Duration) (Accel, string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTooSlow)
	defer cancel()
	console := &watch{words: booted}
	c.Console = console
	vm, err := Start(ctx, c)
	if err == nil {
		err = vm.Wait()
		for _, p := range vm.ports {
			p.Close()
		}
	}
	var failed *Error
	switch {
	case console.seen():
		return c.Accel, "", nil
	case errors.Is(err, errTooSlow), errors.Is(context.Cause(ctx), errTooSlow):
		return TCG, fmt.Sprintf("a kernel under %s hung for %v", c.Accel, limit), nil
	case errors.As(err, &failed):
		return TCG, fmt.Sprintf("%s does not work here: %v", c.Accel, err), nil
	case err != nil:
		return "", "", err
	}
	return TCG, fmt.Sprintf("a kernel under %s ended before it had booted", c.Accel), nil
}

var errTooSlow = errors.New("the kernel took too long to boot")

// watch looks for words in what is written to it.
type watch struct {
	words []string

	mu    sync.Mutex
	last  []byte // of what was written: enough to hold any of words
	found bool
}

// Write never fails.
func (w *watch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = append(w.last, p...)
	for _, word := range w.words {
		w.found = w.found || bytes.Contains(w.last, []byte(word))
	}
	if over := len(w.last) - 128; over > 0 {
		w.last = append(w.last[:0], w.last[over:]...)
	}
	return len(p), nil
}

func (w *watch) seen() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.found
}

// recall reads a proof. One that cannot be read is none.
func recall(path string) (proof, bool) {
	var p proof
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &p) != nil {
		return proof{}, false
	}
	return p, p.Accel == KVM || p.Accel == TCG
}

// remember writes a proof, whole or not at all.
func remember(path string, p proof) error {
	data, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".accel-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(data, '\n'))
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
