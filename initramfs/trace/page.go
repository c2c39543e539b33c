package trace

import (
	"encoding/binary"
	"fmt"
)

// A page of the trace buffer begins with the time of its first event and the
// number of bytes that follow, which has flags in its upper bits (struct
// buffer_data_page in kernel/trace/ring_buffer.c).
const (
	pageHeader = 16
	pageMissed = 1 << 31 // RB_MISSED_EVENTS: events before this page were overwritten
	pageStored = 1 << 30 // RB_MISSED_STORED: their number follows the last event
	commitMask = 1<<20 - 1
)

// Values of an event's type_len (enum ring_buffer_type in
// include/linux/ring_buffer.h); a smaller one is the length in words.
const (
	typePadding    = 29
	typeTimeExtend = 30
	typeTimeStamp  = 31
	timeShift      = 27 // bits of a time in an event's own word
)

// absoluteMask are the bits of a time that a time stamp carries; the others are
// those of the page's.
const absoluteMask = 1<<59 - 1

// records calls f with each record of a page, and its time in ns of the trace
// clock. It returns [ErrLost] when there were records before that are gone.
func records(page []byte, f func(ns uint64, record []byte) error) error {
	if len(page) < pageHeader {
		return fmt.Errorf("%w: a page of %d bytes", ErrMalformed, len(page))
	}
	now := binary.NativeEndian.Uint64(page)
	commit := binary.NativeEndian.Uint64(page[8:])
	data := page[pageHeader:]
	if size := commit & commitMask; size <= uint64(len(data)) {
		data = data[:size]
	} else {
		return fmt.Errorf("%w: %d bytes in a page of %d", ErrMalformed, size, len(page))
	}
	for len(data) >= 4 {
		e, rest, err := cut(data)
		if err != nil {
			return err
		}
		data = rest
		switch e.typ {
		case typeTimeStamp:
			now = now&^absoluteMask | e.time
			continue
		case typePadding:
			now += e.time
			continue
		}
		now += e.time
		if e.typ == typeTimeExtend {
			continue
		}
		if err := f(now, e.data); err != nil {
			return err
		}
	}
	if commit&(pageMissed|pageStored) != 0 {
		return ErrLost
	}
	return nil
}

// entry is one event of the ring buffer, not decoded.
type entry struct {
	typ  uint32
	time uint64
	data []byte
}

// cut takes the first event from data, which has four bytes or more (struct
// ring_buffer_event): a word of type_len (5 bits) and time, then words.
func cut(data []byte) (e entry, rest []byte, err error) {
	head := binary.NativeEndian.Uint32(data)
	e.typ, e.time = head&0x1f, uint64(head>>5)
	words := data[4:]
	first := uint64(0)
	if e.typ == 0 || e.typ >= typePadding {
		if len(words) < 4 {
			return e, nil, fmt.Errorf("%w: an event is cut short", ErrMalformed)
		}
		first = uint64(binary.NativeEndian.Uint32(words))
	}
	length := int(e.typ) * 4
	switch e.typ {
	case 0: // the first word is the length, which counts it
		length = int(first)
		if length < 4 {
			return e, nil, fmt.Errorf("%w: an event of %d bytes", ErrMalformed, length)
		}
	case typePadding:
		length = int(first)
		if e.time == 0 { // the rest of the page is empty
			length = len(words)
		}
	case typeTimeExtend, typeTimeStamp:
		length, e.time = 4, e.time+first<<timeShift
	}
	if aligned := (length + 3) &^ 3; aligned <= len(words) {
		length = aligned
	} else {
		return e, nil, fmt.Errorf("%w: an event of %d bytes in %d", ErrMalformed, length, len(words))
	}
	e.data, rest = words[:length], words[length:]
	if e.typ == 0 {
		e.data = e.data[4:]
	}
	return e, rest, nil
}
