package vm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/wire"
)

// helperEnv has the test binary start a virtual machine, tell the process ID
// of QEMU, and then wait to be killed. Its value is the kernel.
const helperEnv = "TEARDOWN_VM_TEST_HELPER"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(wire.InGuestEnv) != "":
		os.Exit(inGuest(os.Args[1:]))
	case os.Getenv(helperEnv) != "":
		helper(os.Getenv(helperEnv))
	}
	os.Exit(m.Run())
}

func helper(kernel string) {
	if _, err := Start(context.Background(), Config{Kernel: kernel}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(children(), " "))
	select {}
}

// children lists the process IDs of this process's children.
func children() []string {
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		panic(err)
	}
	var pids []string
	for _, f := range files {
		data, _ := os.ReadFile(f) // the thread may be gone
		pids = append(pids, strings.Fields(string(data))...)
	}
	return pids
}

// hung is the time after which a machine of a test does not end by itself any more.
const hung = 5 * time.Minute

func start(t *testing.T, c Config) *VM {
	t.Helper()
	vm, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.AfterFunc(hung, func() {
		t.Errorf("the machine still runs after %v", hung)
		vm.Kill()
	})
	t.Cleanup(func() {
		deadline.Stop()
		end(vm)
	})
	return vm
}

// end leaves nothing of vm.
func end(vm *VM) {
	vm.Kill()
	vm.Wait()
	for _, name := range ports {
		vm.Port(name).Close()
	}
}

func TestConsole(t *testing.T) {
	var console bytes.Buffer
	long := strings.Repeat("x", 100) // of a line without an end
	vm := start(t, Config{Kernel: guest(t, say("hello, "), say(long), reset), Console: &console})
	if err := vm.Wait(); err != nil {
		t.Fatal(err)
	}
	if want := "hello, " + long; !strings.HasSuffix(console.String(), want) {
		t.Errorf("console %q, want it to end in %q", console.String(), want)
	}
	if err := vm.Wait(); err != nil {
		t.Errorf("second wait: %v", err)
	}
	for _, name := range ports {
		if _, err := vm.Port(name).Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("port %s: %v, want EOF", name, err)
		}
	}
	if vm.Port("nonesuch") != nil {
		t.Error("a port that does not exist")
	}
	if err := vm.NMI(); err == nil {
		t.Error("an NMI for a guest that is gone")
	}
}

// A writer that fails must not stop the guest.
func TestConsoleFails(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	vm := start(t, Config{Kernel: guest(t, say("hello"), reset), Console: w})
	if err := vm.Wait(); err != nil {
		t.Error(err)
	}
}

func TestKill(t *testing.T) {
	before := len(children())
	fds := descriptors(t)
	vm := start(t, Config{Kernel: guest(t)})
	if got := len(children()); got != before+1 {
		t.Errorf("%d processes more, want 1", got-before)
	}
	if err := vm.NMI(); err != nil {
		t.Error(err)
	}
	if err := vm.Kill(); err != nil {
		t.Error(err)
	}
	if err := vm.Wait(); err != nil {
		t.Errorf("wait after kill: %v", err)
	}
	if got := len(children()); got != before {
		t.Errorf("%d processes left behind", got-before)
	}
	for _, name := range ports {
		vm.Port(name).Close()
	}
	if got := descriptors(t); got != fds {
		t.Errorf("%d descriptors left open", got-fds)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	vm, err := Start(ctx, Config{Kernel: guest(t)})
	if err != nil {
		t.Fatal(err)
	}
	why := errors.New("enough")
	defer end(vm)
	cancel(why)
	if err := vm.Wait(); !errors.Is(err, why) {
		t.Errorf("wait: %v, want %v", err, why)
	}
	if _, err := Start(ctx, Config{Kernel: guest(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("start: %v, want %v", err, context.Canceled)
	}
	if left := children(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A QEMU that somebody else ended is not taken for a guest that died.
func TestTerminated(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGKILL, unix.SIGSEGV} {
		vm := start(t, Config{Kernel: guest(t)})
		for _, pid := range children() {
			n, err := strconv.Atoi(pid)
			if err != nil {
				t.Fatal(err)
			}
			if err := unix.Kill(n, sig); err != nil {
				t.Fatal(err)
			}
		}
		var failed *Error
		if err := vm.Wait(); !errors.As(err, &failed) {
			t.Errorf("%v: %v, want an *Error", sig, err)
		}
	}
}

// Whatever ends this process ends QEMU.
func TestSelfKilled(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), helperEnv+"="+guest(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	var pid int
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatalf("helper said %q: %v", line, err)
	}
	qemu, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(qemu)
	cmd.Process.Kill()
	cmd.Wait()
	const limit = 60_000 // ms: only a QEMU that stays takes that long
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(qemu), Events: unix.POLLIN}}, limit)
	if n != 1 || err != nil {
		unix.Kill(pid, unix.SIGKILL)
		t.Errorf("QEMU survived (%d, %v)", n, err)
	}
}

// The death signal that setpriv asks for must not come when the thread that
// called Start ends and the process goes on.
func TestThreadEnds(t *testing.T) {
	kernel := guest(t)
	var vm *VM
	tid := onThread(func() {
		var err error
		if vm, err = Start(t.Context(), Config{Kernel: kernel}); err != nil {
			t.Error(err)
		}
	})
	if vm == nil {
		return
	}
	defer end(vm)
	for { // a thread's end cannot be waited for
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid)); err != nil {
			break
		}
		runtime.Gosched()
	}
	if err := vm.NMI(); err != nil {
		t.Errorf("QEMU is gone: %v", err)
	}
}

// onThread calls f on a thread that ends afterwards, and returns its ID. The
// process's first thread, which Go never ends, is not used.
func onThread(f func()) int {
	ch := make(chan int)
	go func() {
		runtime.LockOSThread() // and does not unlock: the thread ends with the goroutine
		tid := unix.Gettid()
		if tid == os.Getpid() {
			tid = onThread(f)
		} else {
			f()
		}
		ch <- tid
	}()
	return <-ch
}

func TestStartFails(t *testing.T) {
	kernel := guest(t)
	missing := filepath.Join(t.TempDir(), "missing")
	notExec := filepath.Join(t.TempDir(), "not-executable")
	broken := filepath.Join(t.TempDir(), "broken")
	for path, mode := range map[string]os.FileMode{notExec: 0o600, broken: 0o700} {
		if err := os.WriteFile(path, []byte("#!/nonexistent\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		c    Config
		want string
	}{
		{"no kernel", Config{Kernel: missing}, "missing"},
		{"no initramfs", Config{Kernel: kernel, Initramfs: missing}, "missing"},
		{"not a kernel", Config{Kernel: "/proc/self/status"}, "kernel"},
		{"memory", Config{Kernel: kernel, MemoryMiB: 1 << 30}, "qemu failed: "},
		{"accelerator", Config{Kernel: kernel, Accel: "nonesuch"}, "nonesuch"},
		{"no QEMU", Config{QEMU: missing, Kernel: kernel}, ErrNoQEMU.Error()},
		{"QEMU not executable", Config{QEMU: notExec, Kernel: kernel}, "permission denied"},
		{"QEMU broken", Config{QEMU: broken, Kernel: kernel}, "No such file or directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fds := descriptors(t)
			vm, err := Start(t.Context(), test.c)
			if err == nil {
				end(vm)
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q, want one line with %q", err, test.want)
			}
			if got := descriptors(t); got != fds {
				t.Errorf("%d descriptors left open", got-fds)
			}
			if left := children(); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestNothingInPath(t *testing.T) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if _, err := Start(t.Context(), Config{}); !errors.Is(err, ErrNoSetpriv) {
		t.Errorf("%v, want %v", err, ErrNoSetpriv)
	}
	if err := os.Symlink(setpriv, filepath.Join(dir, "setpriv")); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{}); !errors.Is(err, ErrNoQEMU) {
		t.Errorf("%v, want %v", err, ErrNoQEMU)
	}
	if _, err := Version(t.Context(), ""); !errors.Is(err, ErrNoQEMU) {
		t.Errorf("%v, want %v", err, ErrNoQEMU)
	}
}

// vmtest's environment variables must not change a run.
func TestEnvironment(t *testing.T) {
	for _, v := range []string{"QEMU", "QEMU_APPEND", "KERNEL", "KERNEL_APPEND", "INITRAMFS", "TIMEOUT", "ARCH"} {
		t.Setenv("VMTEST_"+v, "/nonexistent")
	}
	vm := start(t, Config{Kernel: guest(t, reset)})
	if err := vm.Wait(); err != nil {
		t.Error(err)
	}
}

func TestVersion(t *testing.T) {
	got, err := Version(t.Context(), "")
	if err != nil || !regexp.MustCompile(`^\d+\.\d+`).MatchString(got) || strings.Contains(got, "\n") {
		t.Errorf("version %q, %v", got, err)
	}
}

func TestError(t *testing.T) {
	exit := errors.New("exit status 1")
	tests := []struct{ said, want string }{
		{"", "qemu failed: exit status 1"},
		{"qemu-system-x86_64: no\n", "qemu failed: no (exit status 1)"},
		{"qemu-system-x86_64: warning: odd\r\nfirst\r\nlast\r\n", "qemu failed: first (exit status 1)"},
		{"qemu-system-x86_64: warning: odd\n", "qemu failed: exit status 1"},
	}
	for _, test := range tests {
		err := &Error{Said: test.said, Err: exit}
		if err.Error() != test.want || !errors.Is(err, exit) {
			t.Errorf("%q, want %q", err, test.want)
		}
	}
}

func TestTail(t *testing.T) {
	var end tail
	for i := range 10_000 {
		fmt.Fprintf(&end, "line %d\n", i)
	}
	if got := end.String(); len(got) != tailSize || !strings.HasSuffix(got, "\nline 9999\n") {
		t.Errorf("%d bytes that end in %q", len(got), got[len(got)-20:])
	}
}
