// Package vm runs one virtual machine: QEMU, started through vmtest, with the
// ports on which guest and host talk.
//
// The serial console, the three virtio-serial ports of package wire and the
// monitor are socket pairs whose far ends QEMU inherits: there is nothing in
// the file system to name, to clash with or to clean up. What is left on
// QEMU's own standard output and error is what QEMU itself has to say.
//
// None of vmtest's VMTEST_* environment variables has any effect: a run is
// described by [Config] alone.
package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/hugelgupf/vmtest/qemu"

	"netdev.test/teardown/initramfs/wire"
)

// Sizes used when [Config] does not give them.
const (
	DefaultMemoryMiB = 512
	DefaultCPUs      = 1
)

// Config describes a virtual machine.
type Config struct {
	QEMU      string    // path of qemu-system-x86_64; "" looks it up in PATH
	Kernel    string    // bzImage, or vmlinux of a kernel with CONFIG_PVH
	Initramfs string    // cpio archive; "" for none
	Append    []string  // kernel arguments, after those that every guest gets
	MemoryMiB int       // 0 means DefaultMemoryMiB
	CPUs      int       // 0 means DefaultCPUs
	Accel     Accel     // "" means TCG
	Args      []string  // more arguments of QEMU, as for devices beside those that every guest has
	Console   io.Writer // gets what the guest prints on ttyS0; nil discards it
	Snapshot  *Snapshot // to go on from; nil boots the kernel. All else is as it was for the machine that was saved
	Input     io.Reader // is typed into ttyS0, for a shell; nil for none. A Read that waits outlives the machine
}

// kernelArgs are the kernel arguments of every guest.
var kernelArgs = []string{
	"console=ttyS0",     // the serial line
	"panic=-1",          // a panic reboots at once, at which QEMU ends (-no-reboot)
	"unknown_nmi_panic", // an NMI panics, so that VM.NMI has an effect
	// Interrupts are routed by the MP table: the ACPI methods that route
	// them take a second under TCG, for one device.
	"acpi=noirq",
	// A host that is busy lets the emulated timer be late, of which the
	// kernel would make a panic (check_timer in arch/x86/kernel/apic/io_apic.c).
	"no_timer_check",
	"pty.legacy_count=0", // 256 terminals that nobody uses: 0.2 s under TCG
}

// ports are the guest's virtio-serial ports.
var ports = []string{wire.StdoutPort, wire.ControlPort, wire.CasePort}

// VM is a running virtual machine.
type VM struct {
	ports   map[string]net.Conn
	monitor *monitor
	kill    context.CancelCauseFunc
	said    *tail

	done chan struct{} // closed when QEMU is gone and the console drained
	err  error         // valid once done is closed
	up   atomic.Bool   // QEMU has answered: it runs the guest
}

var (
	errKilled = errors.New("killed")
	errSignal = errors.New("exit status 0")
)

// terminated is what QEMU says when a signal that it catches ends it, such as
// that of Ctrl-C; its exit status is 0 then (qemu_kill_report in
// softmmu/runstate.c).
const terminated = "terminating on signal"

// Start starts a virtual machine and returns when QEMU runs it. When ctx is
// done QEMU is killed. QEMU is also killed by the host's kernel when this
// process ends in whatever way.
//
// The caller must call [VM.Wait], and must read the ports: a guest stops when
// it writes to a port that nobody reads.
//
// Errors are [ErrNoQEMU], [ErrNoSetpriv], and otherwise what QEMU said.
func Start(ctx context.Context, c Config) (*VM, error) {
	argv, err := command(c.QEMU)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	opts := &qemu.Options{
		QEMUCommand: argv[0],
		// Not in QEMUCommand, which vmtest splits at blanks.
		QEMUArgs:   append(argv[1:], machine(c)...),
		Kernel:     c.Kernel,
		KernelArgs: strings.Join(append(kernelArgs[:len(kernelArgs):len(kernelArgs)], c.Append...), " "),
		Initramfs:  c.Initramfs,
	}
	if err := unpacked(opts); err != nil {
		return nil, err
	}
	ctx, kill := context.WithCancelCause(ctx)
	vm := &VM{ports: map[string]net.Conn{}, kill: kill, said: &tail{}, done: make(chan struct{})}
	opts.SerialOutput = []io.WriteCloser{vm.said}
	console, err := vm.connect(opts)
	if err == nil {
		err = resume(opts, c.Snapshot)
	}
	if err == nil {
		err = vm.run(ctx, opts, console, c)
	}
	if err != nil {
		kill(err)
		vm.close(opts, console)
		return nil, err
	}
	if err := vm.monitor.handshake(); err != nil {
		kill(errKilled)
		werr := vm.Wait()
		vm.close(opts, console)
		if werr != nil {
			return nil, werr
		}
		return nil, fmt.Errorf("qemu ended before it ran the guest: %w", err)
	}
	vm.up.Store(true)
	return vm, nil
}

// unpacked has QEMU start the kernel within opts.Kernel, if it can.
func unpacked(opts *qemu.Options) error {
	kernel, err := vmlinux(opts.Kernel)
	if err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	if kernel != nil {
		opts.Kernel = fmt.Sprintf("/proc/self/fd/%d", opts.AddFile(kernel))
	}
	return nil
}

// command is the command that runs QEMU: through setpriv, which has the
// kernel kill QEMU when this process is gone.
func command(path string) ([]string, error) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return nil, ErrNoSetpriv
	}
	bin, err := lookPath(path)
	if err != nil {
		return nil, err
	}
	return []string{setpriv, "--pdeathsig", "KILL", "--", bin}, nil
}

// machine is the part of QEMU's arguments that needs no descriptors.
func machine(c Config) []string {
	mem, cpus, accel := c.MemoryMiB, c.CPUs, c.Accel
	if mem == 0 {
		mem = DefaultMemoryMiB
	}
	if cpus == 0 {
		cpus = DefaultCPUs
	}
	if accel == "" {
		accel = TCG
	}
	// Four levels of page tables: with five, KASAN takes an interrupt for a wild
	// access that comes while identify_cpu() (arch/x86/kernel/cpu/common.c) has
	// forgotten for a moment what the processor can do, and the guest never boots.
	cpu := "max,la57=off"
	if accel == TCG {
		// An emulated string instruction takes a turn for each element: the kernel is to
		// choose loops of plain moves (arch/x86/lib/memset_64.S, clear_page_64.S).
		cpu += ",erms=off"
	}
	return append([]string{
		"-M", "pc", "-cpu", cpu, "-accel", string(accel),
		"-m", fmt.Sprintf("%dM", mem), "-smp", fmt.Sprint(cpus),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
	}, c.Args...)
}

// connect adds the console, the monitor and the ports to opts, and returns the
// host's end of the console.
func (vm *VM) connect(opts *qemu.Options) (net.Conn, error) {
	console, err := attach(opts, "console")
	if err != nil {
		return nil, err
	}
	opts.AppendQEMU("-serial", "chardev:console")
	mon, err := attach(opts, "monitor")
	if err != nil {
		return console, err
	}
	opts.AppendQEMU("-mon", "chardev=monitor,mode=control")
	vm.monitor = newMonitor(mon)
	// Port 0 is reserved for a console, hence one more.
	opts.AppendQEMU("-device", fmt.Sprintf("virtio-serial-pci,max_ports=%d", len(ports)+1))
	for _, name := range ports {
		conn, err := attach(opts, name)
		if err != nil {
			return console, err
		}
		opts.AppendQEMU("-device", fmt.Sprintf("virtserialport,chardev=%s,name=%s", name, name))
		vm.ports[name] = conn
	}
	return console, nil
}

// run starts QEMU and the goroutines that attend to it.
//
// The goroutine that starts QEMU keeps its thread until QEMU is gone: the
// death signal that setpriv asks for is sent when the parent *thread* ends
// (prctl(2), PR_SET_PDEATHSIG), and Go ends threads.
func (vm *VM) run(ctx context.Context, opts *qemu.Options, console net.Conn, c Config) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		q, err := opts.Start(ctx)
		for _, f := range opts.ExtraFiles {
			f.Close() // QEMU has its own; ours would hide its end from us
		}
		started <- err
		if err != nil {
			return
		}
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			drain(c.Console, console)
		}()
		if c.Input != nil {
			go io.Copy(console, c.Input) // ends with the console or the input
		}
		err = q.Wait()
		<-drained
		console.Close()
		vm.monitor.close()
		vm.err = vm.verdict(context.Cause(ctx), err)
		vm.kill(nil)
		close(vm.done)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start qemu: %w", err)
	}
	return nil
}

// close closes what connect opened, as far as it came.
func (vm *VM) close(opts *qemu.Options, console net.Conn) {
	for _, f := range opts.ExtraFiles {
		f.Close()
	}
	if console != nil {
		console.Close()
	}
	if vm.monitor != nil {
		vm.monitor.close()
	}
	for _, p := range vm.ports {
		p.Close()
	}
}

// drain copies the console to w until QEMU is gone, whatever becomes of w:
// a console that nobody reads stops the guest.
func drain(w io.Writer, console io.Reader) {
	if w != nil {
		io.Copy(w, console)
	}
	io.Copy(io.Discard, console)
}

// verdict is what Wait returns, given why the context ended, if it did, and
// how QEMU ended.
func (vm *VM) verdict(cause, err error) error {
	switch {
	case errors.Is(cause, errKilled) && vm.up.Load():
		return nil
	case cause != nil && !errors.Is(cause, errKilled):
		return fmt.Errorf("qemu was stopped: %w", cause)
	case err == nil && strings.Contains(vm.said.String(), terminated):
		err = errSignal
	case err == nil:
		return nil
	}
	return &Error{Said: vm.said.String(), Err: err}
}

// Port is the host's end of the port name, one of wire's. Reads end with
// [io.EOF] when QEMU is gone and everything the guest wrote has been read. It
// is nil for a name that is none of the ports.
func (vm *VM) Port(name string) io.ReadWriteCloser {
	p, ok := vm.ports[name]
	if !ok {
		return nil
	}
	return p
}

// NMI injects a non-maskable interrupt: the guest panics and its console
// shows what its first processor was doing (kernel argument
// unknown_nmi_panic, arch/x86/kernel/nmi.c).
func (vm *VM) NMI() error {
	if err := vm.monitor.execute("inject-nmi"); err != nil {
		return fmt.Errorf("inject an NMI: %w", err)
	}
	return nil
}

// Kill ends QEMU at once. [VM.Wait] then returns nil.
func (vm *VM) Kill() error {
	vm.kill(errKilled)
	return nil
}

// Wait waits until QEMU is gone and all that the guest printed on its console
// has been written to Config.Console. It may be called more than once, and
// leaves the ports open, for what is still to be read from them.
//
// It is nil when the guest ended, by reboot or by panic, or was ended by
// [VM.Kill]; an [*Error] when QEMU failed or was ended by somebody else; and
// otherwise wraps the cause for which the context of [Start] ended.
func (vm *VM) Wait() error {
	<-vm.done
	return vm.err
}

// attach makes a socket pair, adds one end to opts as the character device
// id, and returns the other.
func attach(opts *qemu.Options, id string) (*net.UnixConn, error) {
	ours, theirs, err := socketpair(id)
	if err != nil {
		return nil, err
	}
	opts.AppendQEMU("-chardev", fmt.Sprintf("socket,id=%s,fd=%d", id, opts.AddFile(theirs)))
	return ours, nil
}

// lookPath finds QEMU.
func lookPath(path string) (string, error) {
	if path == "" {
		path = "qemu-system-x86_64"
	}
	bin, err := exec.LookPath(path)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, syscall.ENOENT) {
		return "", fmt.Errorf("%s: %w", path, ErrNoQEMU)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return bin, nil
}
