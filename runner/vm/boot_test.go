package vm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/image"
	"netdev.test/teardown/initramfs/wire"
	"netdev.test/teardown/runner/kernel"
)

// inGuest is the test binary in the guest.
func inGuest(args []string) int {
	switch args[0] {
	case "echo":
		line, err := bufio.NewReader(os.NewFile(wire.CaseFD, "case")).ReadString('\n')
		dir, derr := os.Getwd()
		fmt.Println(args[1:], os.Getenv("OF_THE_START"), dir, strings.TrimSpace(line), err, derr)
		fmt.Fprintln(os.NewFile(wire.CaseFD, "case"), "said")
		fmt.Fprintln(os.Stderr, "on standard error")
		return 7
	case "flood":
		fmt.Print(flood())
		return 0
	case "eat":
		for b := []byte{}; ; b = append(b, make([]byte, 16<<20)...) {
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
		}
	case "end-supervisor": // by the signal that Go's runtime ends a program at: the kernel keeps SIGKILL from init
		syscall.Kill(os.Getppid(), syscall.SIGQUIT)
		select {}
	case "panic":
		os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)
		select {}
	case "signal":
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		select {}
	case "mounts":
		data, err := os.ReadFile("/proc/mounts")
		fmt.Println(string(data), err)
		mods, err := filepath.Glob("/lib/modules/*/*")
		fmt.Println(mods, err)
		return 0
	}
	return 99
}

// flood is more than the sockets between guest and host hold.
func flood() string {
	var b strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&b, "this is line %d of the flood\n", i)
	}
	return b.String()
}

// bootedVM is a guest of the kernel under test, as far as its hello.
type bootedVM struct {
	*VM
	console bytes.Buffer
	hello   wire.Hello
	control *bufio.Reader
}

// ready returns the kernel under test.
func ready(t *testing.T) kernel.Kernel {
	t.Helper()
	if testing.Short() {
		t.Skip("boots a kernel")
	}
	r, err := kernel.LoadReady()
	if err != nil {
		t.Fatal(err)
	}
	return r.Kernel
}

// buildImage builds the image of all tests.
var buildImage = sync.OnceValues(func() (string, error) {
	dir, err := kernel.CacheDir()
	if err != nil {
		return "", err
	}
	r, err := kernel.LoadReady()
	if err != nil {
		return "", err
	}
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	asked := append([]string{"CONFIG_OF_NO_KERNEL=y"}, r.Kernel.Asked...)
	return image.Build(context.Background(), image.Config{Binary: exe, Modules: r.Kernel.Modules, Asked: asked, Cache: dir})
})

func boot(t *testing.T, c Config) *bootedVM {
	t.Helper()
	k := ready(t)
	img, err := buildImage()
	if err != nil {
		t.Fatal(err)
	}
	var b bootedVM
	c.Kernel, c.Initramfs, c.Console = k.Image, img, &b.console
	b.VM = start(t, c)
	b.control = bufio.NewReader(b.Port(wire.ControlPort))
	line, err := b.control.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &b.hello)
	}
	if err != nil {
		b.Kill()
		b.Wait()
		t.Fatalf("no hello: %v\n%s", err, b.console.String())
	}
	return &b
}

// resumed is a guest that said its hello before the snapshot was taken.
func resumed(t *testing.T, s *Snapshot) *bootedVM {
	t.Helper()
	img, err := buildImage()
	if err != nil {
		t.Fatal(err)
	}
	var b bootedVM
	b.VM = start(t, Config{Kernel: ready(t).Image, Initramfs: img, Console: &b.console, Snapshot: s})
	b.control = bufio.NewReader(b.Port(wire.ControlPort))
	return &b
}

// run has the guest run the test binary, and returns what it printed and how
// it ended; no Exit when the guest died.
func (b *bootedVM) run(t *testing.T, args ...string) (string, *wire.Exit) {
	t.Helper()
	if err := json.NewEncoder(b.Port(wire.ControlPort)).Encode(wire.Start{Args: args, Env: []string{"OF_THE_START=1"}}); err != nil {
		t.Fatal(err)
	}
	var exit *wire.Exit
	done := make(chan struct{})
	go func() {
		defer close(done)
		line, err := b.control.ReadBytes('\n')
		if err == nil && json.Unmarshal(line, &exit) == nil {
			b.Port(wire.ControlPort).Close()
		}
	}()
	out, err := io.ReadAll(b.Port(wire.StdoutPort))
	if err != nil {
		t.Error(err)
	}
	<-done
	if err := b.Wait(); err != nil {
		t.Error(err)
	}
	return string(out), exit
}

func TestBoot(t *testing.T) {
	k := ready(t)
	vm := boot(t, Config{})
	if vm.hello.Release != k.Release || vm.hello.Version == "" || vm.hello.Uptime <= 0 {
		t.Errorf("hello %+v, want release %s", vm.hello, k.Release)
	}
	if diff := cmp.Diff([]string{"CONFIG_OF_NO_KERNEL=y"}, vm.hello.Lacking); diff != "" {
		t.Errorf("lacking (-want +got):\n%s", diff)
	}
	said := make(chan string)
	go func() {
		fmt.Fprintln(vm.Port(wire.CasePort), "granted")
		line, _ := bufio.NewReader(vm.Port(wire.CasePort)).ReadString('\n')
		said <- line
	}()
	out, exit := vm.run(t, "echo", "a b", "-test.run=^Ü$")
	if want := "[a b -test.run=^Ü$] 1 /teardown granted <nil> <nil>\non standard error\n"; out != want {
		t.Errorf("output %q, want %q", out, want)
	}
	if got := <-said; got != "said\n" {
		t.Errorf("on the case port: %q", got)
	}
	if diff := cmp.Diff(&wire.Exit{Code: 7}, exit); diff != "" {
		t.Errorf("exit (-want +got):\n%s", diff)
	}
}

// Machines go on from a snapshot as the one does that was saved, also when that is gone.
func TestSnapshot(t *testing.T) {
	vm := boot(t, Config{})
	snapshot, err := vm.Save()
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	echo := func(t *testing.T, vm *bootedVM) {
		go fmt.Fprintln(vm.Port(wire.CasePort), "granted")
		out, exit := vm.run(t, "echo", t.Name())
		if want := "[" + t.Name() + "] 1 /teardown granted <nil> <nil>\non standard error\n"; out != want {
			t.Errorf("output %q, want %q", out, want)
		}
		if diff := cmp.Diff(&wire.Exit{Code: 7}, exit); diff != "" {
			t.Errorf("exit (-want +got):\n%s", diff)
		}
	}
	t.Run("saved", func(t *testing.T) { echo(t, vm) })
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) { echo(t, resumed(t, snapshot)) })
	}
	t.Run("nothing", func(t *testing.T) {
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		broken := &Snapshot{file}
		defer broken.Close()
		var failed *Error
		vm, err := Start(t.Context(), Config{Kernel: ready(t).Image, Snapshot: broken})
		if err == nil { // it has answered before it noticed
			err = vm.Wait()
		}
		if !errors.As(err, &failed) {
			t.Errorf("a machine that has nothing to go on from ended with %v, want QEMU's error", err)
		}
	})
}

// What the guest printed last arrives, however much it is.
func TestBootFlood(t *testing.T) {
	out, exit := boot(t, Config{}).run(t, "flood")
	if out != flood() {
		t.Errorf("%d bytes arrived of %d", len(out), len(flood()))
	}
	if exit == nil || exit.Code != 0 {
		t.Errorf("exit %+v", exit)
	}
}

func TestBootMounts(t *testing.T) {
	k := ready(t)
	vm := boot(t, Config{CPUs: 2})
	out, _ := vm.run(t, "mounts")
	for _, want := range []string{" /sys/kernel/debug debugfs ", " /tmp tmpfs ", "/lib/modules/" + k.Release} {
		if k.Modules == "" && strings.HasPrefix(want, "/lib") {
			continue
		}
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// A test binary that is killed is reported as such; the guest goes on.
func TestBootKilled(t *testing.T) {
	for mode, want := range map[string]wire.Exit{
		"signal": {Code: -1, Signal: syscall.SIGTERM.String()},
		"eat":    {Code: -1, Signal: syscall.SIGKILL.String()},
	} {
		t.Run(mode, func(t *testing.T) {
			_, exit := boot(t, Config{MemoryMiB: 256}).run(t, mode)
			if diff := cmp.Diff(&want, exit); diff != "" {
				t.Errorf("exit (-want +got):\n%s", diff)
			}
		})
	}
}

// A guest that dies ends without an Exit, and does not linger.
func TestBootDies(t *testing.T) {
	tests := []struct{ mode, console string }{
		{"panic", "sysrq triggered crash"},
		{"end-supervisor", "Attempted to kill init"},
	}
	for _, test := range tests {
		t.Run(test.mode, func(t *testing.T) {
			vm := boot(t, Config{})
			if _, exit := vm.run(t, test.mode); exit != nil {
				t.Errorf("exit %+v", exit)
			}
			if !strings.Contains(vm.console.String(), test.console) {
				t.Errorf("no %q on the console:\n%s", test.console, vm.console.String())
			}
		})
	}
}

// An NMI ends a guest, with a trace on the console.
func TestBootNMI(t *testing.T) {
	vm := boot(t, Config{})
	if err := vm.NMI(); err != nil {
		t.Fatal(err)
	}
	if err := vm.Wait(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"NMI: Not continuing", "Call Trace:"} {
		if !strings.Contains(vm.console.String(), want) {
			t.Errorf("no %q on the console:\n%s", want, vm.console.String())
		}
	}
}

// A host that is gone or speaks nonsense ends the guest, which says why.
func TestBootNoStart(t *testing.T) {
	for _, answer := range []string{"", "nonsense\n"} {
		t.Run(fmt.Sprintf("%q", answer), func(t *testing.T) {
			vm := boot(t, Config{})
			port := vm.Port(wire.ControlPort)
			io.WriteString(port, answer)
			if answer == "" {
				port.Close()
			}
			if err := vm.Wait(); err != nil {
				t.Error(err)
			}
			if want := "teardown: supervisor: "; !strings.Contains(vm.console.String(), want) {
				t.Errorf("no %q on the console:\n%s", want, vm.console.String())
			}
		})
	}
}

// A shell in the guest reads the console.
func TestBootShell(t *testing.T) {
	k := ready(t)
	img, err := buildImage()
	if err != nil {
		t.Fatal(err)
	}
	// What is typed before the shell prompts may be thrown away by it.
	console := &prompted{after: "leave it with exit\r\n$ "}
	in, out := io.Pipe()
	console.then = func() { go io.WriteString(out, "uname -r; echo 6 times 7 is $((6*7)); exit\n") }
	vm := start(t, Config{Kernel: k.Image, Initramfs: img, Console: console, Input: in, Append: []string{image.Shell}})
	if err := vm.Wait(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{k.Release, "6 times 7 is 42", "reboot: Restarting"} {
		if !strings.Contains(console.text.String(), want) {
			t.Errorf("no %q on the console:\n%s", want, console.text.String())
		}
	}
}

// prompted keeps what is written to it, and calls then once it holds after.
type prompted struct {
	after string
	then  func()
	text  bytes.Buffer
}

func (p *prompted) Write(b []byte) (int, error) {
	n, err := p.text.Write(b)
	if p.then != nil && strings.Contains(p.text.String(), p.after) {
		p.then()
		p.then = nil
	}
	return n, err
}
