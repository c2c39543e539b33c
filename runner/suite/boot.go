package suite

import (
	"context"
	"io"
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/kconfigs"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/vm"
)

// Booter starts guests.
type Booter interface {
	// Boot starts the guest with the given number, counted from 1, whose
	// console goes to console. It boots, or goes on from a snapshot if there is one.
	// When ctx is done the guest is killed.
	Boot(ctx context.Context, number int, from Snapshot, console io.Writer) (Guest, error)
}

// Snapshot is the state of a guest from which others can go on. [vm.Snapshot] is one.
type Snapshot interface{ Close() error }

// Guest is a machine that runs the test binary, such as a [vm.VM].
type Guest interface {
	// Port returns the host's end of a port of package wire. Reads end with
	// [io.EOF] when the guest is gone and all it wrote has been read.
	Port(name string) io.ReadWriteCloser
	// Save takes a snapshot. The guest stands still meanwhile, and after an error.
	Save() (Snapshot, error)
	NMI() error  // asks the kernel for a last word
	Kill() error // ends the guest
	// Wait returns when the guest is gone and its console has been written.
	Wait() error
}

// Append returns the kernel arguments of a guest of any profile, besides those that
// package vm gives every guest. The profile's come after them. The release is as
// uname -r prints it.
func Append(release string) []string {
	return []string{
		"oops=panic",   // a kernel that has oopsed proves nothing any more
		"slab_nomerge", // so that /sys/kernel/slab tells caches apart
		slubDebug(release),
		"nokaslr",         // addresses that can be compared
		"mitigations=off", // slow, and not what is tested
		// To program a timer takes an emulated processor longer than to answer it. With
		// nohz=off too the tick would come by itself, but on a busy host some do not come
		// at all, and then jiffies lag behind.
		"highres=off",
		"rcupdate.rcu_expedited=1", // teardown waits for grace periods all the time
		// A busy host that does not run an emulated processor for 21 s is no stall.
		"rcupdate.rcu_cpu_stall_timeout=100",
		"random.trust_cpu=on", // do not wait for entropy
	}
}

// slubDebug asks for exact object counts of net_namespace (F), because no cpu keeps
// a slab for itself then; and for failslab (A) in all caches but the exempt ones of
// package fault: kernels before 6.2 take that from here only.
//
// Where SLUB has sheaves, which it has not with F, they keep pointers to objects
// that were handed out, and kmemleak takes these for references.
func slubDebug(release string) string {
	flags := "A"
	v, err := kconfigs.ParseVersion(release)
	if err != nil || v.Compare(sheaves) >= 0 {
		flags = "FA"
	}
	return "slub_debug=FA,net_namespace;" + flags + "," + admitted
}

// sheaves is the oldest line whose SLUB has them in every cache.
var sheaves = kconfigs.Version{Major: 7}

// admitted are patterns that match the names of all slab caches but those of kmemleak,
// and radix_tree_node. A pattern of kmem_cache_flags() in mm/slub.c is a beginning of a
// name, and a star; of several blocks that name a cache, the first counts.
var admitted = func() string {
	const beginnings = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "abcdefghijlmnopqstuvwxyz" + "0123456789" + ":_"
	var patterns []string
	for _, c := range beginnings {
		patterns = append(patterns, string(c)+"*")
	}
	for c := 'a'; c <= 'z'; c++ {
		if c != 'm' {
			patterns = append(patterns, "k"+string(c)+"*")
		}
		if c != 'a' {
			patterns = append(patterns, "r"+string(c)+"*")
		}
	}
	return strings.Join(append(patterns, "kmalloc*", "kmem_*"), ",")
}()

// qemuBooter starts guests under QEMU.
type qemuBooter struct{ config vm.Config }

func qemu(c Config) qemuBooter {
	return qemuBooter{vm.Config{
		QEMU:      c.QEMU,
		Kernel:    c.Kernel.Image,
		Initramfs: c.Initramfs,
		Append:    slices.Concat(Append(c.Kernel.Release), c.Append),
		MemoryMiB: c.MemoryMiB,
		Accel:     c.Accel,
		Args:      device.QEMU(cards(c.Kernel)),
	}}
}

// cards are the network cards of a guest whose kernel has the drivers of the families
// of device kinds; none named means all. A kernel that somebody else built gets
// none: a driver that is built in would take its card when the guest boots.
func cards(k kernel.Kernel) []device.Card {
	if k.Profile == "" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(device.Cards), func(c device.Card) bool {
		built := func(family string) bool { return slices.Contains(k.Families, family) }
		return len(k.Families) > 0 && !slices.ContainsFunc(c.Families, built)
	})
}

// Boot starts QEMU.
func (b qemuBooter) Boot(ctx context.Context, _ int, from Snapshot, console io.Writer) (Guest, error) {
	b.config.Console = console
	b.config.Snapshot, _ = from.(*vm.Snapshot)
	m, err := vm.Start(ctx, b.config)
	if err != nil {
		return nil, err
	}
	return qemuGuest{m}, nil
}

// qemuGuest is a [vm.VM] as a Guest.
type qemuGuest struct{ *vm.VM }

// Save is [vm.VM.Save].
func (g qemuGuest) Save() (Snapshot, error) {
	s, err := g.VM.Save()
	if err != nil {
		return nil, err
	}
	return s, nil
}
