package gotest

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// marker is ^V, with which package testing begins each framing line.
const marker = 0x16

// MaxLine is the length in bytes at which a line of output is cut in two.
const MaxLine = 64 << 10

// maxFrame bounds a framing line, as the buffer of test2json does. What is
// longer is output.
const maxFrame = 4 << 10

// Parser turns the bytes of one test binary into events. It needs
// [MaxLine] bytes of memory whatever it is given, and takes everything that is
// not well-formed framing for output.
type Parser struct {
	emit func(Event)
	line []byte // the line that has not ended yet
	name string // the test that output belongs to
}

// NewParser returns a parser that gives each event to emit.
func NewParser(emit func(Event)) *Parser { return &Parser{emit: emit} }

// Write takes the next bytes of the stream. It never fails.
func (p *Parser) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		end, whole := lineEnd(b, len(p.line) == 0)
		room := MaxLine - len(p.line)
		if end > room {
			end, whole = room, false
		}
		p.line = append(p.line, b[:end]...)
		b = b[end:]
		switch {
		case whole:
			p.flush()
		case len(p.line) == MaxLine:
			p.cut()
		}
	}
	return n, nil
}

// Close hands over the line that the stream ended in the middle of.
func (p *Parser) Close() error {
	p.flush()
	return nil
}

// lineEnd returns how many bytes of b belong to the line that b goes on with,
// and whether the line ends there. A marker ends the line before it, unless it
// is the line's first byte.
func lineEnd(b []byte, fresh bool) (n int, whole bool) {
	for i, c := range b {
		switch {
		case c == '\n':
			return i + 1, true
		case c == marker && (i > 0 || !fresh):
			return i, true
		}
	}
	return len(b), false
}

// cut hands over a line that grew too long, but keeps the first bytes of a
// rune that may still be completed.
func (p *Parser) cut() {
	keep := 0
	for i := 1; i < utf8.UTFMax; i++ {
		if tail := p.line[len(p.line)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				keep = i
			}
			break
		}
	}
	rest := bytes.Clone(p.line[len(p.line)-keep:])
	p.line = p.line[:len(p.line)-keep]
	p.flush()
	p.line = append(p.line, rest...)
}

// flush hands over the line in p.line.
func (p *Parser) flush() {
	if len(p.line) == 0 {
		return
	}
	line := string(p.line)
	p.line = p.line[:0]
	if line[0] == marker {
		line = line[1:]
		if len(line) <= maxFrame && p.frame(line) {
			return
		}
		if line == "" {
			return
		}
	}
	p.emit(Event{Action: Output, Test: p.name, Output: line})
}

// updates are the framing lines that begin with "===", by the word that
// follows.
var updates = map[string]Action{
	"RUN": Run, "PAUSE": Pause, "CONT": Cont,
	"NAME": Output, // tells only whose the output is that follows
	"ATTR": Attr, "ARTIFACTS": Attr,
}

// reports are the framing lines that begin with "---".
var reports = map[string]Action{"PASS:": Pass, "FAIL:": Fail, "SKIP:": Skip}

// frame reports whether line, its marker removed, is framing, and acts on it.
func (p *Parser) frame(line string) bool {
	text := strings.TrimRight(line, "\r\n")
	if text == "PASS" || text == "FAIL" {
		p.name = ""
		p.emit(Event{Action: Final, Output: text + "\n"})
		return true
	}
	if rest, ok := strings.CutPrefix(text, "=== "); ok {
		return p.update(rest, text+"\n")
	}
	// Under test2json the report of a subtest is not indented, but a panic
	// may send it through its parent, which is.
	if rest, ok := strings.CutPrefix(strings.TrimLeft(text, " "), "--- "); ok {
		return p.report(rest)
	}
	return false
}

// update acts on the framing line "=== text".
func (p *Parser) update(text, line string) bool {
	word, name, _ := strings.Cut(text, " ")
	action, ok := updates[word]
	if !ok {
		return false
	}
	name = strings.TrimLeft(name, " ")
	if action == Attr {
		name, _, _ = strings.Cut(name, " ")
	}
	name = strings.TrimRight(name, " ")
	if !validName(name) && (word != "NAME" || name != "") {
		return false
	}
	p.name = name
	switch {
	case word == "NAME":
	case action == Attr:
		p.emit(Event{Action: action, Test: name, Output: line})
	default:
		p.emit(Event{Action: action, Test: name})
	}
	return true
}

// report acts on the framing line "--- text".
func (p *Parser) report(text string) bool {
	word, rest, _ := strings.Cut(text, " ")
	action, ok := reports[word]
	if !ok {
		return false
	}
	name, took, ok := strings.Cut(rest, " (")
	if !ok || !validName(name) {
		return false
	}
	elapsed, err := strconv.ParseFloat(strings.TrimSuffix(took, "s)"), 64)
	if err != nil || math.IsNaN(elapsed) || elapsed < 0 || elapsed > 1e9 {
		return false
	}
	p.name = name
	p.emit(Event{Action: action, Test: name, Elapsed: elapsed})
	return true
}

// validName reports whether package testing could have made the name, which
// replaces spaces and escapes what cannot be printed (matcher.unique and
// rewrite).
func validName(name string) bool {
	return name != "" && utf8.ValidString(name) && strings.IndexFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || !strconv.IsPrint(r)
	}) < 0
}
