package result

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Whatever a guest says is untrusted: a kernel under test may log anything, and
// what it logged must not steer a terminal, a browser or an XML parser.

// escapeSequence is an ECMA-48 control sequence, a string such as a title, or a
// two-byte escape.
var escapeSequence = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])`)

// clean removes escape sequences from s and makes everything else that does not
// print visible as U+FFFD. Line ends stay, tabs become spaces.
func clean(s string) string {
	s = escapeSequence.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n', unicode.IsPrint(r):
			b.WriteRune(r)
		case r == '\t':
			b.WriteString("    ")
		case unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		default:
			b.WriteRune('\uFFFD')
		}
	}
	return b.String()
}

// maxLine is the longest line, in runes, that is shown to people.
const maxLine = 240

// line is clean for a text that must stay one line.
func line(s string) string {
	return shorten(strings.Join(strings.Fields(clean(s)), " "))
}

// shorten cuts a line that is longer than maxLine.
func shorten(s string) string {
	if utf8.RuneCountInString(s) <= maxLine {
		return s
	}
	return string([]rune(s)[:maxLine-1]) + "…"
}

// head returns the first lines of s, cleaned, and how many more there are.
func head(s string, lines int) (first []string, more int) {
	s = strings.TrimRight(clean(s), "\n ")
	if s == "" {
		return nil, 0
	}
	first = strings.Split(s, "\n")
	if len(first) > lines {
		more = len(first) - lines
		first = first[:lines]
	}
	for i := range first {
		first[i] = shorten(strings.TrimRight(first[i], " "))
	}
	return first, more
}
