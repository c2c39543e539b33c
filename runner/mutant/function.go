package mutant

import (
	"bytes"
	"regexp"
)

// A span is a piece of a text: text[start:end].
type span struct{ start, end int }

func (s span) contains(o span) bool { return s.start <= o.start && o.end <= s.end }
func (s span) overlaps(o span) bool { return s.start < o.end && o.start < s.end }

// functions returns the bodies of all functions of that name which the C source
// defines; there are several where the preprocessor chooses. It relies on the
// kernel's style: a definition begins in the first column, and so do the braces
// around its body.
func functions(text []byte, name string) []span {
	var found []span
	call := regexp.MustCompile(`(?m)^[a-zA-Z_][^\n;{}()#=]*?\b` + regexp.QuoteMeta(name) + `\(|^` + regexp.QuoteMeta(name) + `\(`)
	for _, m := range call.FindAllIndex(text, -1) {
		end := closing(text, m[1]-1)
		if end < 0 {
			continue
		}
		open := bytes.Index(text[end:], []byte("\n{"))
		if open < 0 || bytes.ContainsAny(text[end:end+open], ";{}=") {
			continue // a declaration
		}
		start := end + open + 2
		length := bytes.Index(text[start:], []byte("\n}"))
		if length >= 0 {
			found = append(found, span{start, start + length + 1})
		}
	}
	return found
}

// closing returns the end of what the bracket at open encloses, behind the one
// that closes it; -1 if none does.
func closing(text []byte, open int) int {
	depth := 0
	for i := open; i < len(text); i++ {
		if next := skip(text, i); next > i {
			i = next - 1
			continue
		}
		switch text[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// skip returns the end of the comment, the string or the character that begins
// at i, or i if none does.
func skip(text []byte, i int) int {
	rest := text[i:]
	end := func(from int, mark string) int {
		if n := bytes.Index(rest[from:], []byte(mark)); n >= 0 {
			return i + from + n + len(mark)
		}
		return len(text)
	}
	switch {
	case bytes.HasPrefix(rest, []byte("/*")):
		return end(2, "*/")
	case bytes.HasPrefix(rest, []byte("//")):
		return end(2, "\n")
	case rest[0] == '"' || rest[0] == '\'':
		for j := 1; j < len(rest); j++ {
			switch rest[j] {
			case '\\':
				j++
			case rest[0]:
				return i + j + 1
			}
		}
		return len(text)
	}
	return i
}
