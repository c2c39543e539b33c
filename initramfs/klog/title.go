package klog

import (
	"regexp"
	"strings"
)

// report makes the Report of what was collected.
func (f *found) report() Report {
	first := f.lines[0].rec
	r := Report{
		ID: f.sig.ID, Kind: f.sig.Kind, Frames: f.frames(),
		Seq: first.Seq, Time: first.Time, Fatal: f.fatal,
	}
	text := make([]string, len(f.lines))
	for i, l := range f.lines {
		text[i] = l.text
	}
	r.Text = strings.Join(text, "\n")
	r.Title = f.title()
	if f.sig.extent != single && f.sig.Kind != Blind && len(r.Frames) > 0 {
		r.Title += " in " + r.Frames[0]
	}
	return r
}

// literal names a group of a signature that holds only the kernel's own words,
// numbers included.
const literal = "text"

// maxTitle bounds a title: part of it is what the kernel was told to print.
const maxTitle = 200

func (f *found) title() string {
	t := f.sig.Title
	if f.sig.ID == "warning" {
		if text := f.warnText(); text != "" {
			t = "WARNING: " + Normal(text)
		} else if f.groups[1] == "" {
			t = "WARNING"
		} else {
			t = strings.ReplaceAll(t, "$1", f.groups[1])
		}
	} else {
		names := f.sig.Regexp.SubexpNames()
		for i := 1; i < len(f.groups); i++ {
			g := f.groups[i]
			if names[i] != literal {
				g = Normal(g)
			}
			t = strings.ReplaceAll(t, "$"+string(rune('0'+i)), g)
		}
	}
	t = strings.Join(strings.Fields(t), " ")
	t = strings.TrimRight(t, ".!: ")
	if len(t) > maxTitle {
		t = t[:maxTitle]
	}
	return strings.ToValidUTF8(t, "?")
}

// warnText returns what a WARN() printed between "cut here" and "WARNING:",
// empty for WARN_ON().
func (f *found) warnText() string {
	var text []string
	for _, l := range f.lines[:f.head] {
		if l.text != cutHere && strings.TrimSpace(l.text) != "" {
			text = append(text, l.text)
		}
	}
	return strings.Join(text, " ")
}

var (
	pointer = regexp.MustCompile(`\b(?:0x[0-9a-f]+|[0-9a-f]{8,16})\b`)
	number  = regexp.MustCompile(`\b\d+\b`)
	// nameNumber is the number of a name such as veth0, not of LIST_POISON1.
	nameNumber = regexp.MustCompile(`\b[a-z][a-z0-9_-]*?[a-z_-]\d+\b`)
)

// Normal takes out of a text what changes from run to run: addresses become
// PTR, numbers and the numbers of names (veth0) become N.
func Normal(s string) string {
	s = pointer.ReplaceAllString(s, "PTR")
	s = number.ReplaceAllString(s, "N")
	return nameNumber.ReplaceAllStringFunc(s, func(name string) string {
		if protocols[name] {
			return name
		}
		return strings.TrimRight(name, "0123456789") + "N"
	})
}

// protocols are the names whose number is not one of a device.
var protocols = map[string]bool{
	"ipv4": true, "ipv6": true, "inet6": true, "ip6": true, "snmp6": true, "dev_snmp6": true, "icmp6": true, "igmp6": true,
	"if_inet6": true, "anycast6": true, "mcast6": true, "raw6": true, "udp6": true, "tcp6": true,
}

// where matches the lines that name the function a report is about before any
// stack: "WARNING: ... at file:line sym+0x1/0x2", "BUG: KASAN: ... in
// sym+0x1/0x2", "RIP: 0010:sym+0x1/0x2".
var where = regexp.MustCompile(`^(?:WARNING: .*?|BUG: K\w+: .* in |RIP: \d{4}:)([A-Za-z_][\w.]*)\+0x[0-9a-f]+/0x[0-9a-f]+`)

// frames returns the functions of the report's first stack.
func (f *found) frames() []string {
	var (
		all    []Frame
		traced bool
	)
	hasTrace := f.hasTrace()
	for _, l := range f.lines[f.head:] {
		if strings.HasPrefix(l.text, "Call Trace:") {
			if traced {
				break
			}
			traced = true
			continue
		}
		if strings.HasPrefix(l.text, "Allocated by task") || strings.HasPrefix(l.text, "Freed by task") {
			break
		}
		if m := where.FindStringSubmatch(l.text); m != nil && !traced {
			all = append(all, Frame{Symbol: m[1]})
			continue
		}
		if fr, ok := ParseFrame(l.text); ok && (traced || !hasTrace) {
			all = append(all, fr)
		}
	}
	return dedupe(Sites(all, maxFrames+2))
}

func (f *found) hasTrace() bool {
	for _, l := range f.lines[f.head:] {
		if strings.HasPrefix(l.text, "Call Trace:") {
			return true
		}
	}
	return false
}

// dedupe drops a name that repeats the one before it: the line that names the
// place, RIP and the first frame are often the same function.
func dedupe(names []string) []string {
	var out []string
	for _, n := range names {
		if (len(out) == 0 || out[len(out)-1] != n) && len(out) < maxFrames {
			out = append(out, n)
		}
	}
	return out
}
