package mutant

import (
	"bytes"
	"fmt"
	"strings"
)

// wrap returns what the switched edit puts before and after the text that it
// changes: with the switch off the text is run as it is.
func (e *Edit) wrap(number int, text []byte) (prefix, suffix string) {
	on := fmt.Sprintf("teardown_mutant == %d", number)
	switch {
	case e.Delete:
		return fmt.Sprintf("{ if (teardown_mutant != %d) { ", number), " } }"
	case e.Before != "":
		return fmt.Sprintf("{ if (%s) { %s } ", on, e.Before), " }"
	case e.After != "" && label.Match(text):
		return "", fmt.Sprintf(" if (%s) { %s }", on, e.After)
	case e.After != "":
		return "{ { ", fmt.Sprintf(" } if (%s) { %s } }", on, e.After)
	case e.Statement != "":
		return fmt.Sprintf("{ if (%s) { %s } else { ", on, e.Statement), " } }"
	}
	return fmt.Sprintf("((%s) ? (%s) : (", on, e.Expression), "))"
}

// plain returns text with what the edit makes of s, without a switch: the bug as
// people would write it.
func (e *Edit) plain(text []byte, s span) []byte {
	line := bytes.LastIndexByte(text[:s.start], '\n') + 1
	indent := text[line : line+len(text[line:])-len(bytes.TrimLeft(text[line:], " \t"))]
	is := string(text[s.start:s.end])
	gap := "\n" + string(indent)
	alone := branch(text[:s.start]) // what follows belongs to an if, without braces
	switch {
	case e.Delete && alone:
		is = ";"
	case e.Delete:
		return deleted(text, s)
	case e.Before != "" && alone:
		is = "{ " + e.Before + " " + is + " }"
	case e.Before != "":
		is = e.Before + gap + is
	case e.After != "" && label.MatchString(is):
		is += "\n\t" + e.After
	case e.After != "" && alone:
		is = "{ " + is + " " + e.After + " }"
	case e.After != "":
		is += gap + e.After
	case e.Statement != "" && alone && !single(e.Statement):
		is = "{ " + e.Statement + " }"
	case e.Statement != "":
		is = e.Statement
	case e.Replace != "":
		is = e.Replace
	default:
		is = e.Expression
	}
	return bytes.Join([][]byte{text[:s.start], []byte(is), text[s.end:]}, nil)
}

// branch reports whether what comes after text is the one statement of an if, an
// else or a loop.
func branch(text []byte) bool {
	before := codeBefore(text)
	return bytes.HasSuffix(before, []byte(")")) || bytes.HasSuffix(before, []byte("else"))
}

// single reports whether the code is one statement.
func single(code string) bool { return strings.Count(code, ";") == 1 }

// deleted returns text without s, and without the lines that are empty then.
func deleted(text []byte, s span) []byte {
	before, after := bytes.TrimRight(text[:s.start], " \t"), text[s.end:]
	rest := bytes.TrimLeft(after, " \t")
	if bytes.HasSuffix(before, []byte("\n")) && bytes.HasPrefix(rest, []byte("\n")) {
		return append(bytes.Clone(before), rest[1:]...)
	}
	return append(bytes.Clone(text[:s.start]), after...)
}
