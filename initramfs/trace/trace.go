// Package trace records what the kernel did with a device while a case ran, by
// kprobe events (Documentation/trace/kprobetrace.rst), and tells from the
// record at which exit a call of register_netdevice() left.
package trace

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/kallsyms"
)

// ErrAbsent is returned when the kernel has no kprobe events.
var ErrAbsent = errors.New("the kernel has no kprobe events")

// ErrLost is returned when the trace buffer ran over: the record has a hole.
var ErrLost = errors.New("trace events were lost")

// bufferKiB holds the events of one provocation with much to spare; an event is
// about 40 bytes.
const bufferKiB = "2048"

// A Probe is one place in the kernel that is recorded.
type Probe struct {
	Event  string // name of the trace event
	Symbol string // function, without a suffix the compiler may have added
	Return bool   // when it returns, else when it is entered
	Args   string // what is fetched, as kprobe_events takes it
}

// Tracer is the kernel's trace buffer with our probes in it.
type Tracer struct {
	dir     string
	pipe    int
	buf     []byte
	pending []byte
	present map[string]bool
}

// Open sets the probes whose functions are among the symbols of the running
// kernel. A function that the compiler inlined, or that the kernel does not
// have, is left out: [Tracer.Has] tells.
func Open(tracefs string, symbols kallsyms.Symbols, probes []Probe) (*Tracer, error) {
	if _, err := os.Stat(filepath.Join(tracefs, "kprobe_events")); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	t := &Tracer{dir: tracefs, buf: make([]byte, 64<<10), present: map[string]bool{}}
	if err := t.write("buffer_size_kb", bufferKiB); err != nil {
		return nil, err
	}
	for _, p := range probes {
		if symbol, ok := symbols[p.Symbol]; ok {
			if err := t.set(p, symbol); err != nil {
				return nil, err
			}
		}
	}
	fd, err := unix.Open(filepath.Join(tracefs, "trace_pipe"), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open trace_pipe: %w", err)
	}
	t.pipe = fd
	return t, nil
}

func (t *Tracer) write(file, value string) error {
	f, err := os.OpenFile(filepath.Join(t.dir, file), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("set up tracing: %w", err)
	}
	_, err = f.WriteString(value)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set up tracing: write %q: %w", value, err)
	}
	return nil
}

// set sets one probe.
func (t *Tracer) set(p Probe, symbol string) error {
	kind := "p"
	if p.Return {
		kind = "r"
	}
	if err := t.write("kprobe_events", fmt.Sprintf("%s:teardown/%s %s %s\n", kind, p.Event, symbol, p.Args)); err != nil {
		return err
	}
	t.present[p.Event] = true
	return t.write("events/teardown/"+p.Event+"/enable", "1")
}

// Has reports whether the event can be seen in this kernel.
func (t *Tracer) Has(event string) bool { return t.present[event] }

// Drain returns the events recorded since the last call, without waiting.
// [ErrLost] means that some are missing.
func (t *Tracer) Drain() ([]Event, error) {
	var lost error
	for {
		n, err := unix.Read(t.pipe, t.buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN || (err == nil && n == 0):
			events, more := t.parsePending()
			return events, errors.Join(lost, more)
		case err != nil:
			return nil, fmt.Errorf("read trace_pipe: %w", err)
		}
		t.pending = append(t.pending, t.buf[:n]...)
	}
}

func (t *Tracer) parsePending() ([]Event, error) {
	end := bytes.LastIndexByte(t.pending, '\n') + 1
	events, err := Parse(t.pending[:end])
	t.pending = append(t.pending[:0], t.pending[end:]...)
	return events, err
}
