package klog

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// LostError says that the ring buffer of the kernel overwrote records before
// they were read: what the log holds is not all that the kernel said.
type LostError struct {
	// Records is how many are missing, 0 when not even that is known.
	Records uint64
}

func (e *LostError) Error() string {
	if e.Records == 0 {
		return "the kernel log lost records before they were read: raise log_buf_len or drain it more often"
	}
	return fmt.Sprintf("the kernel log lost %d records before they were read: raise log_buf_len or drain it more often", e.Records)
}

// Reader reads the kernel log from /dev/kmsg. It is for one goroutine.
type Reader struct {
	read func([]byte) (int, error)
	shut func() error
	fd   int // to wait for records, -1 for none
	buf  []byte
	next uint64 // expected sequence number, once begun
	open bool   // begun: next means something
}

// Open opens /dev/kmsg. The first [Reader.Drain] returns all that the ring
// buffer holds, from the boot on.
func Open() (*Reader, error) {
	const path = "/dev/kmsg"
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	r := newReader(
		func(b []byte) (int, error) { return unix.Read(fd, b) },
		func() error { return unix.Close(fd) },
	)
	r.fd = fd
	return r, nil
}

func newReader(read func([]byte) (int, error), shut func() error) *Reader {
	// devkmsg_read() answers EINVAL to a buffer smaller than the record.
	return &Reader{read: read, shut: shut, fd: -1, buf: make([]byte, 4*maxText)}
}

// Wait returns when there is a record to read, or after the time d.
func (r *Reader) Wait(d time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, int(d.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for the kernel log: %w", err)
	}
	return nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.shut() }

// Drain reads every record that is there now and returns at once. Records
// that were lost since the last Drain (EPIPE from devkmsg_read() in
// kernel/printk/printk.c, or a gap in the sequence numbers) are told by a
// [LostError]; the records that were read are returned beside it.
func (r *Reader) Drain() ([]Record, error) {
	var (
		out  []Record
		lost *LostError
	)
	gap := func(n uint64) {
		if lost == nil {
			lost = &LostError{}
		}
		lost.Records += n
	}
	for {
		n, err := r.read(r.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EPIPE):
			gap(0)
			continue
		case errors.Is(err, unix.EAGAIN):
			if lost != nil {
				return out, lost
			}
			return out, nil
		case err != nil:
			return out, fmt.Errorf("read the kernel log: %w", err)
		case n <= 0:
			return out, errors.New("read the kernel log: unexpected end of /dev/kmsg")
		}
		rec, err := ParseRecord(r.buf[:n])
		if err != nil {
			return out, err
		}
		if r.open && rec.Seq > r.next {
			gap(rec.Seq - r.next)
		}
		r.open, r.next = true, rec.Seq+1
		out = append(out, rec)
	}
}
