package suite

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"netdev.test/teardown/initramfs/image"
	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
	"netdev.test/teardown/kconfigs"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/vm"
)

// Launch is a run from a kernel and a test binary on: it builds the image,
// proves the accelerator, and runs the suite.
type Launch struct {
	Binary   string        // test binary of the suite
	Args     []string      // of the test binary: -test.run=...
	Kernel   kernel.Kernel // under test
	Accel    vm.Accel      // "" to find out
	VMs      int           // as in [Config]
	Out      string        // folder for the results; "" for a new one in the cache
	Stdout   io.Writer     // gets what go test prints
	Issues   verdict.Issues
	Command  string         // command line that started the run
	Say      func(string)   // tells people something once
	Progress func(Event)    // may be nil
	Phases   []result.Phase // spent before the run, such as for the compiler
	Cache    string         // root of the cache
}

// guestEnv is the environment of the test binary. Preemption by signals would
// interrupt system calls under an injected fault.
func guestEnv(p kconfigs.Profile) []string {
	return []string{
		"GODEBUG=asyncpreemptoff=1",
		fmt.Sprintf("%s=%d", wire.ScaleEnv, p.Scale),
		wire.SeedEnv + "=" + seed(),
	}
}

// seed is the one that is asked for, or a new one: it is the same in all guests of
// the run.
func seed() string {
	return cmp.Or(os.Getenv(wire.SeedEnv), strconv.FormatUint(rand.Uint64(), 10))
}

// Run makes the run and returns its result, which it has also written to the
// folder l.Out, or to the folder it made and set l.Out to.
func (l *Launch) Run(ctx context.Context) (*result.Run, error) {
	c, err := l.Prepare(ctx)
	if err != nil {
		return nil, err
	}
	if l.Out == "" {
		if l.Out, err = NewOut(l.Cache, Label(l.Kernel)); err != nil {
			return nil, err
		}
		c.Out = l.Out
	}
	return Run(ctx, c)
}

// Prepare does what has to be done once for any number of runs, and returns what
// describes one. Its Out is l.Out.
func (l *Launch) Prepare(ctx context.Context) (Config, error) {
	profile, err := kconfigs.FindProfile(l.Kernel.Profile)
	if err != nil {
		return Config{}, err
	}
	begin := time.Now()
	initramfs, err := image.Build(ctx, image.Config{
		Binary:   l.Binary,
		Modules:  l.Kernel.Modules,
		Asked:    l.Kernel.Asked,
		Cache:    l.Cache,
		Building: func() { l.Say("building the guest's u-root image, once") },
	})
	if err != nil {
		return Config{}, err
	}
	phases := append(l.Phases, result.Phase{Name: "image", Seconds: time.Since(begin).Seconds()})
	accel, why, err := l.accelerator(ctx)
	if err != nil {
		return Config{}, err
	}
	version, err := vm.Version(ctx, "")
	if err != nil {
		return Config{}, err
	}
	return Config{
		Phases:    phases,
		Args:      l.Args,
		Kernel:    l.Kernel,
		Initramfs: initramfs,
		Append:    profile.Append,
		MemoryMiB: profile.Memory,
		Accel:     accel,
		Scale:     profile.Scale,
		VMs:       cmp.Or(l.VMs, profile.Guests),
		Env:       guestEnv(profile),
		Out:       l.Out,
		Stdout:    l.Stdout,
		Progress:  l.Progress,
		Issues:    l.Issues,
		Tool:      result.Tool{Version: toolVersion()},
		Command:   l.Command,
		Host:      thisHost(accel, why, version),
	}, nil
}

// thisHost describes this machine.
func thisHost(accel vm.Accel, why, qemu string) result.Host {
	return result.Host{
		CPUs:              runtime.NumCPU(),
		Accelerator:       string(accel),
		AcceleratorReason: why,
		QEMU:              qemu,
		Go:                runtime.Version(),
	}
}

// accelerator returns the accelerator to use and why.
func (l *Launch) accelerator(ctx context.Context) (vm.Accel, string, error) {
	if l.Accel != "" {
		return l.Accel, "asked for", nil
	}
	proof, err := vm.ProveAccel(ctx, l.Cache, "", l.Kernel.Image)
	if err == nil && proof.Fresh && proof.Reason != "" {
		l.Say(proof.Reason + "; guests run under software emulation")
	}
	return proof.Accel, proof.Reason, err
}

// toolVersion is the version of this module as the go command knows it.
func toolVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}
