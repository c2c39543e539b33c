package klog

import (
	"bytes"
	"regexp"
	"strconv"
	"time"
)

// consoleLine is the prefix that print_time() and print_caller() in
// kernel/printk/printk.c put before each line, with what may stand before it:
// the level in console_msg_format=syslog, or user space's unfinished line.
var consoleLine = regexp.MustCompile(`(?:<(\d{1,3})>)?\[ {0,12}(\d{1,12})\.(\d{6})\](?:\[ {0,8}([TC]\d{1,10})\])? ?`)

// ParseConsole reads the text of a serial console. Lines without the kernel's
// time stamp were not printed by printk() and are left out; CONFIG_PRINTK_TIME
// must be on. The sequence numbers are those of the lines in the text, from 0.
func ParseConsole(text []byte) []Record {
	var out []Record
	for seq := uint64(0); len(text) > 0; seq++ {
		var l []byte
		l, text, _ = bytes.Cut(text, []byte{'\n'})
		if r, ok := parseConsoleLine(l); ok {
			r.Seq = seq
			out = append(out, r)
		}
	}
	return out
}

func parseConsoleLine(l []byte) (Record, bool) {
	l = bytes.TrimRight(l, "\r")
	if len(l) > maxText {
		l = l[:maxText]
	}
	m := consoleLine.FindSubmatchIndex(l)
	if m == nil {
		return Record{}, false
	}
	group := func(i int) string {
		if m[2*i] < 0 {
			return ""
		}
		return string(l[m[2*i]:m[2*i+1]])
	}
	sec, err1 := strconv.ParseInt(group(2), 10, 34)
	usec, err2 := strconv.ParseInt(group(3), 10, 32)
	if err1 != nil || err2 != nil {
		return Record{}, false
	}
	r := Record{
		Level:  Unprinted,
		Time:   time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond,
		Caller: group(4),
		Text:   string(plain(l[m[1]:])),
	}
	if prio, err := strconv.Atoi(group(1)); err == nil {
		r.Level, r.Facility = prio&7, prio>>3
	}
	return r, true
}

// plain replaces what a terminal would obey.
func plain(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = printable(c)
		if c == '\n' {
			out[i] = '?'
		}
	}
	return bytes.ToValidUTF8(out, []byte{'?'})
}
