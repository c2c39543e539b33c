// Package klog reads the kernel log and says what it means.
//
// Records come from /dev/kmsg ([Open], [Reader.Drain]) inside the guest or from
// the text of a serial console ([ParseConsole]) on the host. [Scan] turns them
// into titled [Report] values by a table of signatures, each with the case that
// ran, if the log says so ([CaseMark]), [Injections] reads what the kernel's own
// fault injectors printed, and [LastWords] picks the lines that tell how a
// kernel died.
//
// The package uses raw file descriptors only: it runs beside fault injection,
// under which the Go runtime's poller fails in odd ways.
package klog

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxText bounds the text of one record. The kernel's own limit for a record
// of /dev/kmsg is 8192 bytes (CONSOLE_EXT_LOG_MAX, PRINTK_MESSAGE_MAX in
// kernel/printk); a console line is as long as what wrote it likes.
const maxText = 8192

// Unprinted is the Level of a record whose source does not tell it.
const Unprinted = -1

// Record is one record of the kernel log.
type Record struct {
	Seq      uint64        // sequence number; in a console text the number of the line
	Level    int           // 0 (emerg) to 7 (debug), [Unprinted] in a console text
	Facility int           // 0 is the kernel, anything else user space
	Time     time.Duration // since boot, in microseconds
	Caller   string        // T and a thread ID or C and a CPU number; empty without CONFIG_PRINTK_CALLER
	Text     string        // may hold line feeds: a record is what one printk() printed
	// Cont says that Text continues the line of an earlier record (flag 'c').
	Cont bool
}

// ParseRecord parses one record as a read of /dev/kmsg returns it
// (Documentation/ABI/testing/dev-kmsg; info_print_ext_header() and
// msg_add_ext_text() in kernel/printk/printk.c). Unknown fields of the prefix
// and the dictionary lines (SUBSYSTEM=, DEVICE=) are ignored, as the
// documentation asks for.
func ParseRecord(b []byte) (Record, error) {
	prefix, text, ok := bytes.Cut(b, []byte{';'})
	if !ok {
		return Record{}, fmt.Errorf("kernel log record %s: no ';' after the prefix", quote(b))
	}
	fields := strings.Split(string(prefix), ",")
	if len(fields) < 4 {
		return Record{}, fmt.Errorf("kernel log record %s: prefix has %d fields, want at least 4", quote(b), len(fields))
	}
	prio, err1 := strconv.ParseUint(fields[0], 10, 32)
	seq, err2 := strconv.ParseUint(fields[1], 10, 64)
	usec, err3 := strconv.ParseUint(fields[2], 10, 53)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Record{}, fmt.Errorf("kernel log record %s: %w", quote(b), err)
	}
	r := Record{
		Seq:      seq,
		Level:    int(prio & 7),
		Facility: int(prio >> 3),
		Time:     time.Duration(usec) * time.Microsecond,
		Cont:     strings.Contains(fields[3], "c"),
	}
	for _, f := range fields[4:] {
		if c, ok := strings.CutPrefix(f, "caller="); ok {
			r.Caller = c
		}
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	r.Text = unescape(text)
	return r, nil
}

// unescape undoes msg_add_ext_text(): \x and two hexadecimal digits stand for
// one byte. What does not look so is kept as it is. Control characters other
// than the line feed and the tab come out as '?'.
func unescape(b []byte) string {
	if len(b) > maxText {
		b = b[:maxText]
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '\\' && i+3 < len(b) && b[i+1] == 'x' {
			if v, err := strconv.ParseUint(string(b[i+2:i+4]), 16, 8); err == nil {
				c = byte(v)
				i += 3
			}
		}
		out = append(out, printable(c))
	}
	return strings.ToValidUTF8(strings.TrimRight(string(out), "\n"), "?")
}

func printable(c byte) byte {
	if (c < ' ' && c != '\n' && c != '\t') || c == 0x7f {
		return '?'
	}
	return c
}

// Lines returns the lines of the records' text in order. A record that
// continues another one of the same caller is joined to it.
func Lines(records []Record) []string {
	var out []string
	for _, l := range flatten(records) {
		out = append(out, l.text)
	}
	return out
}

// line is one line of the log with the record it came from.
type line struct {
	text    string
	rec     *Record
	running string // the case that was, see attribute
}

func flatten(records []Record) []line {
	out := make([]line, 0, len(records))
	for i := range records {
		r := &records[i]
		for j, t := range strings.Split(r.Text, "\n") {
			t = strings.TrimRight(t, "\r")
			if n := len(out); j == 0 && r.Cont && n > 0 && out[n-1].rec.Caller == r.Caller {
				if len(out[n-1].text) < maxText {
					out[n-1].text += t
				}
				continue
			}
			out = append(out, line{text: t, rec: r})
		}
	}
	return out
}

// quote shows the beginning of untrusted bytes in an error.
func quote(b []byte) string {
	const most = 80
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "..."
	}
	return strconv.Quote(string(b))
}
