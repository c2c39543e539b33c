// Command init is the guest's first process. It makes the root file system as u-root's
// init does, by the same package, and then supervises.
//
// u-root's own init, with the supervisor as its child, would keep /dev/kmsg open, and Go
// polls what it has open: each line of the kernel's log would wake the process, and each
// change of the address space empties what an emulated processor has translated.
//
// It says hello to the host, is told what to run, runs the test binary with
// its output on one virtio port and its case messages on another, reports how
// it ended and reboots, at which QEMU ends. With the kernel argument
// "teardown.shell" it runs a shell on the serial console instead.
//
// It never waits for something that may not come: whatever goes wrong ends in
// one line on the console and a reboot, and the host sees its ports close
// without an Exit. Should it die itself, the kernel panics.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/libinit"
	"github.com/u-root/u-root/pkg/ulog"
	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/wire"
)

func main() {
	uptime, err := bootTime()
	if err == nil {
		err = prepare()
	}
	if err == nil {
		err = supervise(uptime)
	}
	if err != nil {
		complain(err)
	}
	unix.Sync()
	// No poweroff: that takes ACPI, and without it QEMU would stay.
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		complain(fmt.Errorf("reboot: %w", err))
		os.Exit(1) // the kernel panics
	}
}

// prepare does what u-root's init does before it runs anything.
func prepare() error {
	libinit.SetEnv()
	libinit.CreateRootfs()
	libinit.NetInit()
	// The serial line is slow, and the test binary reads the log elsewhere.
	if err := ulog.KernelLog.SetConsoleLogLevel(ulog.KLogNotice); err != nil {
		return err
	}
	if ulog.KernelLog.File == nil {
		return nil
	}
	if err := ulog.KernelLog.Close(); err != nil {
		return fmt.Errorf("close the kernel's log: %w", err)
	}
	ulog.KernelLog.File = nil
	return nil
}

// complain writes err to the console as one line.
func complain(err error) {
	line := "\nteardown: supervisor: " + strings.ReplaceAll(err.Error(), "\n", " ") + "\n"
	if console, cerr := os.OpenFile("/dev/console", os.O_WRONLY, 0); cerr == nil {
		defer console.Close()
		console.WriteString(line)
		return
	}
	os.Stderr.WriteString(line)
}

// supervise does all there is to do in a guest, up to the reboot.
func supervise(uptime float64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	// The child's death signal is sent when the thread that made it ends.
	runtime.LockOSThread()
	if err := mount(); err != nil {
		return err
	}
	if shellWanted() {
		return shell()
	}
	ports, err := openPorts(wire.StdoutPort, wire.ControlPort, wire.CasePort)
	if err != nil {
		return err
	}
	stdout, control, cases := ports[0], ports[1], ports[2]
	start, err := hello(control, uptime)
	if err != nil {
		return err
	}
	exit, err := run(start, stdout, cases)
	if err != nil {
		return err
	}
	return bye(control, exit)
}

// hello tells the host about this guest and returns what it wants to be run.
func hello(control *os.File, uptime float64) (wire.Start, error) {
	var start wire.Start
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return start, fmt.Errorf("uname: %w", err)
	}
	missing, err := lacking()
	if err != nil {
		return start, err
	}
	hello := wire.Hello{
		Release: unix.ByteSliceToString(uts.Release[:]),
		Version: unix.ByteSliceToString(uts.Version[:]),
		Uptime:  uptime,
		Lacking: missing,
	}
	if err := json.NewEncoder(control).Encode(hello); err != nil {
		return start, fmt.Errorf("say hello: %w", err)
	}
	line, err := bufio.NewReader(control).ReadBytes('\n')
	if err != nil {
		return start, fmt.Errorf("the host did not say what to run: %w", err)
	}
	if err := json.Unmarshal(line, &start); err != nil {
		return start, fmt.Errorf("what the host says to run: %w", err)
	}
	return start, nil
}

// hangUp is how long bye waits for the host, in milliseconds.
const hangUp = 10_000

// bye tells the host how the test binary ended. Ports are written to
// asynchronously (drivers/char/virtio_console.c, port_fops_write), so a reboot
// that follows at once could lose what was written last: bye waits until the
// host, which has then read all of it, hangs up or answers.
func bye(control *os.File, exit wire.Exit) error {
	if err := json.NewEncoder(control).Encode(exit); err != nil {
		return fmt.Errorf("report the exit: %w", err)
	}
	fds := []unix.PollFd{{Fd: int32(control.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, hangUp)
		if err != unix.EINTR {
			return err
		}
	}
}

// bootTime is the time since power-on in seconds.
func bootTime() (float64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("boot time: %w", err)
	}
	return float64(ts.Nano()) / 1e9, nil
}

// shellWanted says whether the kernel's arguments ask for a shell.
func shellWanted() bool {
	args, err := os.ReadFile("/proc/cmdline")
	return err == nil && slices.Contains(strings.Fields(string(args)), "teardown.shell")
}
