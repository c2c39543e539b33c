package kmemleak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The reasons why kmemleak cannot tell anything. Either makes it blind: no
// report means nothing.
var (
	// ErrAbsent: no file; CONFIG_DEBUG_KMEMLEAK or debugfs is missing.
	ErrAbsent = errors.New("kmemleak is not there: build the kernel with CONFIG_DEBUG_KMEMLEAK and mount debugfs")
	// ErrDisabled: kmemleak was switched off, by its own failure to allocate,
	// by kmemleak=off or by CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF. It cannot be
	// switched on again.
	ErrDisabled = errors.New("kmemleak is disabled: boot with kmemleak=on, and look for its reason in the kernel log")
	// ErrUnsettled: each of several reads of the file held something new.
	ErrUnsettled = errors.New("the reports of kmemleak did not settle")
)

const (
	// DebugFS is kmemleak's file where debugfs is mounted as usual.
	DebugFS = "/sys/kernel/debug/kmemleak"
	// minUnrefScans is a module parameter of 7.3.
	minUnrefScans = "/sys/module/kmemleak/parameters/min_unref_scans"
	timerList     = "/proc/timer_list"
)

// Detector controls kmemleak through its file. Each call opens the file anew:
// a write moves the position from which seq_read_iter() goes on.
type Detector struct {
	path  string
	param string // file of min_unref_scans
	timer string // file that tells the jiffies
	took  time.Duration
}

// New returns a Detector for the file of debugfs at path, which is [DebugFS]
// unless a test says otherwise.
func New(path string) *Detector {
	return &Detector{path: path, param: minUnrefScans, timer: timerList}
}

// Enabled returns nil while kmemleak works, [ErrAbsent] or [ErrDisabled]
// otherwise. It writes a word that is no command: kmemleak_write() answers
// EPERM when disabled, before it looks at the word, and EINVAL otherwise (the
// same in 5.10 to 7.3), and does nothing either way: no signal can cut it short.
func (d *Detector) Enabled() error {
	switch err := d.command("enabled?"); {
	case errors.Is(err, unix.EINVAL):
		return nil
	case err == nil:
		return fmt.Errorf("%s took a word that is no command: it is not kmemleak's file", d.path)
	default:
		return err
	}
}

// Scan scans memory once. Objects that are reported are found by [Detector.Read].
func (d *Detector) Scan() error { return d.write("scan") }

// Clear makes kmemleak forget what it has reported: the objects become grey,
// so they are not reported again and what they point to counts as referenced.
func (d *Detector) Clear() error {
	// "clear" frees kmemleak's own data when it is disabled, and succeeds.
	if err := d.Enabled(); err != nil {
		return err
	}
	return d.write("clear")
}

// StopThread stops the thread that scans every ten minutes, so that the only
// scans are the caller's.
func (d *Detector) StopThread() error { return d.write("scan=off") }

// write gives one command.
//
// It blocks all signals of its thread meanwhile: scan_should_stop() in
// mm/kmemleak.c ends a scan when signal_pending(), and kmemleak_write()
// returns success all the same. The Go runtime sends its threads SIGURG.
func (d *Detector) write(command string) error {
	return quiet(func() error { return d.command(command) })
}

// command writes to the file on the calling thread.
func (d *Detector) command(command string) error {
	fd, err := d.open(unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	n, err := unix.Write(fd, []byte(command))
	switch {
	case errors.Is(err, unix.EPERM):
		return ErrDisabled
	case err != nil:
		return fmt.Errorf("write %q to %s: %w", command, d.path, err)
	case n != len(command):
		return fmt.Errorf("write %q to %s: only %d bytes taken", command, d.path, n)
	}
	return nil
}

func (d *Detector) open(flags int) (int, error) {
	fd, err := unix.Open(d.path, flags|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return -1, ErrAbsent
	case err != nil:
		return -1, fmt.Errorf("open %s: %w", d.path, err)
	}
	return fd, nil
}

// quiet runs f on a thread on which all signals are blocked, and which ends
// with f. It must end: the addresses of objects that the kernel prints stay on
// the kernel stack of the thread that read them, and the next scan would take
// them for references.
func quiet(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the runtime ends the thread with the goroutine
		var all unix.Sigset_t
		for i := range all.Val {
			all.Val[i] = ^all.Val[i]
		}
		if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
			done <- fmt.Errorf("block signals: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// Read returns the objects that are reported and were still unreferenced in
// the latest scan.
//
// One read(2) returns about a page of reports, and kmemleak_seq_start() finds
// its place for the next by counting objects from the start of a list that
// shrinks as memory is freed: objects can be skipped between two reads.
// Reports that do not fit in one read are therefore read again until nothing
// new turns up.
func (d *Detector) Read() ([]Leak, error) {
	const passes = 5
	var (
		all  []Leak
		have = map[object]bool{}
	)
	for range passes {
		text, reads, err := d.readAll()
		if err != nil {
			return nil, err
		}
		leaks, err := Parse(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		fresh := 0
		for _, l := range leaks {
			if !have[l.object()] {
				have[l.object()] = true
				all = append(all, l)
				fresh++
			}
		}
		if fresh == 0 || reads <= 1 {
			return all, nil
		}
	}
	return nil, fmt.Errorf("%w: %d reads of %s, each with new ones", ErrUnsettled, passes, d.path)
}

// readAll reads the file to its end and tells how many reads held something.
func (d *Detector) readAll() (text []byte, reads int, err error) {
	err = quiet(func() error {
		fd, err := d.open(unix.O_RDONLY)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		const most = 64 << 20
		buf := make([]byte, 64<<10)
		for len(text) < most {
			n, err := unix.Read(fd, buf)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return fmt.Errorf("read %s: %w", d.path, err)
			}
			if n == 0 {
				return nil
			}
			text = append(text, buf[:n]...)
			reads++
		}
		return fmt.Errorf("read %s: more than %d bytes", d.path, most)
	})
	return text, reads, err
}

// Jiffies returns the kernel's count of ticks, on the scale of [Leak.Jiffies]:
// objects with a smaller one were allocated before. It reads the line that
// print_cpu() of kernel/time/timer_list.c prints.
func (d *Detector) Jiffies() (uint64, error) {
	b, err := readFile(d.timer)
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(l, "jiffies: "); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", d.timer, err)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s has no line \"jiffies: N\"", d.timer)
}

// readFile reads a small file of procfs or sysfs without Go's poller.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	var out []byte
	buf := make([]byte, 16<<10)
	for len(out) < 8<<20 {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if n == 0 {
			break
		}
		out = append(out, buf[:n]...)
	}
	return out, nil
}

// Clock is the time as [Detector.Collect] sees it.
type Clock struct {
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// SystemClock is the real time.
func SystemClock() Clock {
	return Clock{Now: time.Now, Sleep: func(ctx context.Context, d time.Duration) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}

const (
	// MinAge is how long ago an object must have been allocated when a scan
	// begins to be reported by it: MSECS_MIN_AGE in mm/kmemleak.c, and a
	// margin for the ticks in which the kernel counts.
	MinAge = 5*time.Second + 100*time.Millisecond
	// firstScan is how long a scan is taken to last before one was measured.
	firstScan = 500 * time.Millisecond
	// pause lets what held a pointer in a register go on.
	pause = 100 * time.Millisecond
	// confirmations bounds the scans that confirm reports.
	confirmations = 5
)

// Collect finds the leaks among all that was allocated up to the time last,
// and returns those that at least two scans report. It needs the
// fewest scans and the shortest wait that the kernel allows: see the package's
// documentation. It returns [ErrDisabled] when kmemleak is, or has become,
// disabled.
func (d *Detector) Collect(ctx context.Context, last time.Time, c Clock) ([]Leak, error) {
	again, err := d.reportingScans()
	if err != nil {
		return nil, err
	}
	aged := last.Add(MinAge)
	lead := 2 * d.took
	if d.took == 0 {
		lead = firstScan
	}
	// The scan that stores the checksums.
	if err := d.scanAt(ctx, aged.Add(-lead), c); err != nil {
		return nil, err
	}
	for range again {
		if err := d.scanAt(ctx, aged, c); err != nil {
			return nil, err
		}
	}
	leaks, err := d.confirm(ctx, c)
	if err != nil {
		return nil, err
	}
	return leaks, d.Enabled()
}

// confirm reads the reports, and scans and reads again until two reads in a
// row agree. It returns what at least two reads held: a live object whose only
// reference was being moved is reported once, and a leaked one to which a
// stale pointer on some stack still leads drops out of the odd scan.
func (d *Detector) confirm(ctx context.Context, c Clock) ([]Leak, error) {
	now, err := d.Read()
	if err != nil || len(now) == 0 {
		return nil, err
	}
	seen := map[object]int{}
	count := func(leaks []Leak) {
		for _, l := range leaks {
			seen[l.object()]++
		}
	}
	all := now
	count(now)
	for range confirmations {
		if err := d.scanAt(ctx, c.Now().Add(pause), c); err != nil {
			return nil, err
		}
		before := now
		if now, err = d.Read(); err != nil {
			return nil, err
		}
		for _, l := range now {
			if seen[l.object()] == 0 {
				all = append(all, l)
			}
		}
		count(now)
		if same(before, now) {
			break
		}
	}
	var out []Leak
	for _, l := range all {
		if seen[l.object()] > 1 {
			out = append(out, l)
		}
	}
	return out, nil
}

// same reports whether a and b hold the same objects.
func same(a, b []Leak) bool {
	have := map[object]bool{}
	for _, l := range a {
		have[l.object()] = true
	}
	for _, l := range b {
		if !have[l.object()] {
			return false
		}
	}
	return len(a) == len(b)
}

// scanAt scans at the time at, or now if that is over.
func (d *Detector) scanAt(ctx context.Context, at time.Time, c Clock) error {
	if wait := at.Sub(c.Now()); wait > 0 {
		if err := c.Sleep(ctx, wait); err != nil {
			return fmt.Errorf("wait for the age of kmemleak's objects: %w", err)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("scan for leaks: %w", err)
	}
	begin := c.Now()
	if err := d.Scan(); err != nil {
		return err
	}
	d.took = c.Now().Sub(begin)
	return nil
}

// reportingScans tells how many scans in a row must find an object
// unreferenced, after the one that stores its checksum: min_unref_scans of
// 7.3, 1 in kernels without it.
func (d *Detector) reportingScans() (int, error) {
	b, err := readFile(d.param)
	if errors.Is(err, unix.ENOENT) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	const most = 10
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s holds %.40q, want a number up to %d", d.param, b, most)
	}
	return max(n, 1), nil
}
