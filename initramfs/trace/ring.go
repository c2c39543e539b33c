package trace

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/kallsyms"
	"netdev.test/teardown/initramfs/module"
)

// stackEvent is where the layout of a recorded stack is found.
const stackEvent = "events/ftrace/kernel_stack"

// ring reads the trace buffers of all processors as they are. The kernel could
// put them into words (trace_pipe), but looks up several symbols for each event,
// which under emulation takes longer than what is traced.
type ring struct {
	pipes   []int // one for each processor
	page    []byte
	decoder decoder
}

// openRing opens the buffers, which hold events of the probes.
func openRing(tracefs string, probes []Probe, frames *kallsyms.Index) (*ring, error) {
	r := &ring{page: make([]byte, os.Getpagesize()), decoder: decoder{formats: map[uint16]format{}, stacked: map[string]bool{}, frames: frames}}
	for _, p := range probes {
		f, err := readFormat(filepath.Join(tracefs, p.events()))
		if err != nil {
			return nil, err
		}
		r.decoder.formats[f.id] = f
		r.decoder.stacked[f.event] = p.Stack
	}
	stack, err := readFormat(filepath.Join(tracefs, stackEvent))
	if err != nil {
		return nil, err
	}
	r.decoder.stack = stack.id
	files, err := filepath.Glob(filepath.Join(tracefs, "per_cpu/cpu*/trace_pipe_raw"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		fd, err := unix.Open(file, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open the trace buffer: %w", err)
		}
		r.pipes = append(r.pipes, fd)
	}
	return r, nil
}

// drain returns what was recorded since the last time.
func (r *ring) drain() ([]Event, error) {
	r.decoder.begin()
	var lost error
	for _, fd := range r.pipes {
		if err := r.drainCPU(fd); errors.Is(err, ErrLost) {
			lost = err
		} else if err != nil {
			return nil, err
		}
	}
	if len(r.pipes) > 1 {
		slices.SortStableFunc(r.decoder.events, func(a, b Event) int { return cmp.Compare(a.Time, b.Time) })
	}
	return r.decoder.events, lost
}

func (r *ring) drainCPU(fd int) error {
	var lost error
	for {
		n, err := unix.Read(fd, r.page)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN || err == nil && n == 0:
			return lost
		case err != nil:
			return fmt.Errorf("read the trace buffer: %w", err)
		}
		if err := records(r.page[:n], r.decoder.record); errors.Is(err, ErrLost) {
			lost = err
		} else if err != nil {
			return err
		}
	}
}

// decoder makes events of records.
type decoder struct {
	formats map[uint16]format
	stacked map[string]bool // events whose stack is recorded
	stack   uint16          // number of the event that is a stack
	frames  *kallsyms.Index
	stacks  map[string]Event // the stacks that it has met, by their addresses as recorded
	gone    int64            // how many modules had left then
	events  []Event
	bare    []int // which of the events are without their stack
}

func (d *decoder) begin() {
	d.events, d.bare = nil, d.bare[:0]
	if n := module.Gone(); n != d.gone || d.stacks == nil {
		d.gone, d.stacks = n, map[string]Event{}
		d.frames.Recheck()
	}
}

// Offsets of what every record begins with, struct trace_entry of
// include/linux/trace_events.h, and its size.
const (
	entryPID  = 4
	entrySize = 8
)

// record decodes one record.
func (d *decoder) record(ns uint64, record []byte) error {
	if len(record) < entrySize {
		return fmt.Errorf("%w: %d bytes", ErrMalformed, len(record))
	}
	id := binary.NativeEndian.Uint16(record)
	pid := int(int32(binary.NativeEndian.Uint32(record[entryPID:])))
	if id == d.stack {
		return d.addStack(pid, record)
	}
	f, ok := d.formats[id]
	if !ok {
		return nil // an event that somebody else enabled
	}
	args, err := f.args(record)
	if d.stacked[f.event] {
		d.bare = append(d.bare, len(d.events))
	}
	d.events = append(d.events, Event{PID: pid, Time: time.Duration(ns), Name: f.event, Args: args})
	return err
}

// Where struct stack_entry (kernel/trace/trace_entries.h) has the number of
// frames, and the frames.
const (
	stackSize   = 8
	stackFrames = 16
	frameSize   = 8
)

// addStack gives a stack to the event it belongs to. Other events may have come in
// between: those of an interrupt, which has the same thread.
func (d *decoder) addStack(pid int, record []byte) error {
	if len(record) < stackFrames {
		return fmt.Errorf("%w: a stack of %d bytes", ErrMalformed, len(record))
	}
	n := int(binary.NativeEndian.Uint32(record[stackSize:]))
	frames := record[stackFrames:]
	for i, at := range slices.Backward(d.bare) {
		e := &d.events[at]
		if e.PID != pid {
			continue
		}
		d.bare = slices.Delete(d.bare, i, i+1)
		named, err := d.named(frames[:min(n*frameSize, len(frames))])
		e.Stack, e.Frames = named.Stack, named.Frames
		return err
	}
	return nil
}

// named returns an event with the stack's functions. A sweep meets the same stacks
// hundreds of times.
func (d *decoder) named(frames []byte) (e Event, err error) {
	if e, ok := d.stacks[string(frames)]; ok {
		return e, nil
	}
	key := string(frames)
	for ; len(frames) >= frameSize; frames = frames[frameSize:] {
		frame, err := d.frames.Frame(binary.NativeEndian.Uint64(frames))
		if err != nil {
			return e, err
		}
		e.Push(frame)
	}
	d.stacks[key] = e
	return e, nil
}
