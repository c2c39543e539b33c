package klog

import "strings"

const (
	lastFatal = 80 // lines from the first fatal one on
	lastPlain = 30 // lines where nothing fatal was said
)

// LastWords picks the lines that tell how a kernel died: from the first fatal
// signature on ("cut here" above it included), or else the last 30. The lines
// are those of a console, with or without the kernel's time stamps, or
// [Lines] of the records.
func LastWords(lines []string) []string {
	var out []string
	for _, l := range lines {
		if l = string(plain([]byte(strings.TrimRight(l, "\r\n")))); strings.TrimSpace(l) != "" {
			out = append(out, l[:min(len(l), maxText)])
		}
	}
	for i, l := range out {
		sig, _ := match(message(l))
		if sig == nil || !sig.fatal {
			continue
		}
		if i > 0 && message(out[i-1]) == cutHere {
			i--
		}
		return out[i:min(i+lastFatal, len(out))]
	}
	return out[max(0, len(out)-lastPlain):]
}

// message returns the line without the prefix of the console.
func message(l string) string {
	if m := consoleLine.FindStringIndex(l); m != nil {
		return l[m[1]:]
	}
	return l
}
