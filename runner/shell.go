package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"netdev.test/teardown/initramfs/image"
	"netdev.test/teardown/kconfigs"
	"netdev.test/teardown/runner/host"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/suite"
	"netdev.test/teardown/runner/vm"
)

const shellAbout = `Boot a kernel with the suite's image and give a shell in the guest on this
terminal: to look around, or to try a case by hand. The suite's test binary is
/teardown/tests.test. The guest ends with the shell; Ctrl-] ends it at once.`

func newShell() *cobra.Command {
	var t target
	var accel string
	c := &cobra.Command{
		Use:     "shell",
		Short:   "Boot a kernel and give a shell in the guest",
		Long:    shellAbout,
		Example: "  go run ./runner shell --kernel 6.12",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := parseAccel(accel)
			if err != nil {
				return usage(c, err)
			}
			return shell(c, &t, a)
		},
	}
	t.flags(c)
	c.Flags().StringVar(&accel, "accel", "auto", "what executes the guest: auto, kvm or tcg")
	addYes(c)
	return c
}

func shell(cmd *cobra.Command, t *target, accel vm.Accel) error {
	requests, err := t.requests()
	if err != nil {
		return usage(cmd, err)
	}
	if len(requests) > 1 {
		return usage(cmd, errors.New("a shell is on one kernel in one profile: give one"))
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usage(cmd, errors.New("a shell needs a terminal: standard input is none"))
	}
	w, err := newWork(cmd)
	if err != nil {
		return err
	}
	defer w.display.Close()
	ctx := cmd.Context()
	if err := w.ensure(ctx, host.Boot|t.need()); err != nil {
		return err
	}
	k, err := w.kernel(ctx, requests[0])
	if err != nil {
		return err
	}
	binary, _, remove, err := w.compile(ctx)
	if err != nil {
		return err
	}
	defer remove()
	w.display.Phase("image")
	initramfs, err := image.Build(ctx, image.Config{Binary: binary, Modules: k.Modules, Asked: k.Asked, Cache: w.cache,
		Building: func() { w.display.Phase("build the guest's u-root image, once") }})
	if err != nil {
		return err
	}
	c, err := w.machine(ctx, k, accel)
	if err != nil {
		return err
	}
	w.display.Close()
	c.Initramfs = initramfs
	c.Append = append(c.Append, image.Shell)
	return console(ctx, c)
}

// machine describes the guest that the suite has on k.
func (w *work) machine(ctx context.Context, k kernel.Kernel, accel vm.Accel) (vm.Config, error) {
	profile, err := kconfigs.FindProfile(k.Profile)
	if err != nil {
		return vm.Config{}, err
	}
	if accel == "" {
		w.display.Phase("prove the accelerator")
		proof, err := vm.ProveAccel(ctx, w.cache, "", k.Image)
		if err != nil {
			return vm.Config{}, err
		}
		accel = proof.Accel
	}
	return vm.Config{
		Kernel: k.Image, Accel: accel, MemoryMiB: profile.Memory,
		Append: slices.Concat(suite.Append(k.Release), profile.Append),
	}, nil
}

// console connects a guest's serial line to the terminal until the guest ends.
func console(ctx context.Context, c vm.Config) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	fmt.Fprintln(os.Stderr, "Ctrl-] ends the guest.")
	before, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	defer term.Restore(int(os.Stdin.Fd()), before)
	c.Console = os.Stdout
	c.Input = escapable{os.Stdin, func() { cancel(errEscaped) }}
	guest, err := vm.Start(ctx, c)
	if err != nil {
		return err
	}
	err = guest.Wait()
	if context.Cause(ctx) == errEscaped {
		return nil
	}
	return err
}

// errEscaped ends a guest by Ctrl-].
var errEscaped = errors.New("ended by Ctrl-]")

// escape is what Ctrl-] sends.
const escape = 0x1d

// escapable is a reader that calls leave when it meets the escape character.
type escapable struct {
	io.Reader
	leave func()
}

func (e escapable) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if i := bytes.IndexByte(p[:n], escape); i >= 0 {
		e.leave()
		return i, io.EOF
	}
	return n, err
}
