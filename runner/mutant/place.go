package mutant

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// A site is a place in a kernel's source that an edit changes.
type site struct {
	file string
	span
	edit *Edit
}

// sites returns the places that the edit changes: one, or two if it moves
// something.
func (e *Edit) sites(tree *sources, release string) ([]site, error) {
	at, err := e.find(tree, release)
	if err != nil || !e.moves() {
		return []site{at}, err
	}
	return e.moved(tree, at)
}

// find finds the place of the edit in a kernel's source tree.
func (e *Edit) find(tree *sources, release string) (site, error) {
	var found []match
	files, defined := 0, 0
	for _, file := range e.File {
		text, err := tree.read(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return site{}, err
		}
		files++
		for _, body := range e.bodies(text) {
			defined++
			for _, m := range e.anchor.FindAllIndex(text[body.start:body.end], -1) {
				found = append(found, match{file, text, body, span{body.start + m[0], body.start + m[1]}})
			}
		}
	}
	found = e.meant(found, release)
	where := strings.Join(e.File, " or ")
	if len(e.Function) > 0 {
		where += ", " + strings.Join(e.Function, "() or ") + "()"
	}
	switch {
	case files == 0:
		return site{}, fmt.Errorf("%s: no such file", strings.Join(e.File, " or "))
	case defined == 0:
		return site{}, fmt.Errorf("%s: no such function", where)
	case len(found) == 0:
		return site{}, fmt.Errorf("%s: %s has no match", where, e.Anchor)
	case len(found) > 1:
		return site{}, fmt.Errorf("%s: %s has %d matches, want one", where, e.Anchor, len(found))
	}
	m := found[0]
	s, err := e.place(m.text, m.body, m.span)
	if err != nil {
		return site{}, fmt.Errorf("%s: %w", where, err)
	}
	return site{m.file, s, e}, nil
}

// bodies returns where in a file the anchor must match: in the bodies of the functions,
// or anywhere for an edit that names none.
func (e *Edit) bodies(text []byte) []span {
	if len(e.Function) == 0 {
		return []span{{0, len(text)}}
	}
	var all []span
	for _, name := range e.Function {
		all = append(all, functions(text, name)...)
	}
	return all
}

// A match is what an anchor matched in the body of a function.
type match struct {
	file string
	text []byte
	body span
	span
}

// meant returns those of several matches that the edit can mean.
func (e *Edit) meant(found []match, release string) []match {
	if len(found) < 2 {
		return found
	}
	if e.at != nil {
		holding := slices.DeleteFunc(slices.Clone(found), func(m match) bool { return !e.at.Match(m.text[m.start:m.end]) })
		if len(holding) > 0 {
			found = holding
		}
	}
	if e.last {
		found = found[len(found)-1:]
	}
	for _, n := range e.numbers {
		if len(found) < 2 || !n.kernels.Contain(release) {
			continue
		}
		there := slices.DeleteFunc(slices.Clone(found), func(m match) bool {
			return bytes.Count(m.text[:m.start], []byte("\n"))+1 != n.line
		})
		if len(there) > 0 {
			found = there
		}
	}
	return found
}

// place returns what the edit changes, given what the anchor matched in the body
// of a function.
func (e *Edit) place(text []byte, body, match span) (span, error) {
	if e.at != nil {
		m := e.at.FindSubmatchIndex(text[match.start:body.end])
		if m == nil {
			return span{}, fmt.Errorf("%s has no match after %s", e.At, e.Anchor)
		}
		if len(m) > 2 {
			m = m[2:]
		}
		match = span{match.start + m[0], match.start + m[1]}
	}
	match = trim(text, match)
	if e.Expression != "" || e.Replace != "" {
		return match, nil
	}
	return statements(text, body, match)
}

// trim takes the white space off the ends of s.
func trim(text []byte, s span) span {
	inner := text[s.start:s.end]
	s.start += len(inner) - len(bytes.TrimLeft(inner, " \t\n"))
	s.end = s.start + len(bytes.TrimSpace(inner))
	return s
}

var (
	label      = regexp.MustCompile(`^[a-zA-Z_]\w*:$`)        // a label alone
	labelInner = regexp.MustCompile(`(?m)^\s*[a-zA-Z_]\w*:$`) // or in a line of its own
)

// statements returns s extended to the end of its last statement. It must begin
// with one.
func statements(text []byte, body, s span) (span, error) {
	before := codeBefore(text[body.start:s.start])
	if n := len(before); n > 0 && !strings.ContainsRune(";{}:)", rune(before[n-1])) && !bytes.HasSuffix(before, []byte("else")) {
		return span{}, fmt.Errorf("%q does not begin with a statement", text[s.start:s.end])
	}
	switch {
	case label.Match(text[s.start:s.end]):
		return s, nil
	case labelInner.Match(text[s.start:s.end]):
		return span{}, fmt.Errorf("%q has a label in it, which a goto would reach past the switch", text[s.start:s.end])
	}
	return statementsFrom(text, body, s)
}

// statementsFrom is statements for what begins as it should.
func statementsFrom(text []byte, body, s span) (span, error) {
	for i := s.start; i < body.end; i++ {
		if next := skip(text, i); next > i {
			i = next - 1
			continue
		}
		switch text[i] {
		case '(', '{':
			block := text[i] == '{'
			if i = closing(text, i) - 1; i < 0 {
				return span{}, fmt.Errorf("%q has a bracket that does not close", text[s.start:s.end])
			}
			if block && i+1 >= s.end && !goesOn(text, s.start, i+1) {
				return span{s.start, i + 1}, nil
			}
		case ';':
			if i+1 >= s.end && !goesOn(text, s.start, i+1) {
				return span{s.start, i + 1}, nil
			}
		case '}', ')':
			return span{}, fmt.Errorf("%q is no list of whole statements", text[s.start:s.end])
		}
	}
	return span{}, fmt.Errorf("%q does not end with a statement", text[s.start:s.end])
}

var (
	hasElse  = regexp.MustCompile(`^if\b`)
	elseNext = regexp.MustCompile(`^\s*else\b`)
	hasWhile = regexp.MustCompile(`^do\b`)
	whileNow = regexp.MustCompile(`^\s*while\b`)
)

// goesOn reports whether the statement at start does so at end: an if with its else,
// a do with its while.
func goesOn(text []byte, start, end int) bool {
	return hasElse.Match(text[start:]) && elseNext.Match(text[end:]) ||
		hasWhile.Match(text[start:]) && whileNow.Match(text[end:])
}

// codeBefore returns text without the white space, the comments and the lines for
// the preprocessor at its end.
func codeBefore(text []byte) []byte {
	for {
		text = bytes.TrimRight(text, " \t\n")
		line := bytes.LastIndexByte(text, '\n') + 1
		comment := bytes.LastIndex(text, []byte("/*"))
		switch {
		case bytes.HasPrefix(bytes.TrimLeft(text[line:], " \t"), []byte("#")):
			text = text[:line]
		case bytes.HasSuffix(text, []byte("*/")) && comment >= 0:
			text = text[:comment]
		default:
			return text
		}
	}
}

// sources reads the files of a tree, each once.
type sources struct {
	tree  fs.FS
	texts map[string][]byte
}

func newSources(tree fs.FS) *sources { return &sources{tree, map[string][]byte{}} }

func (s *sources) read(file string) ([]byte, error) {
	if text, ok := s.texts[file]; ok {
		return text, nil
	}
	text, err := fs.ReadFile(s.tree, file)
	if err != nil {
		return nil, err
	}
	s.texts[file] = slices.Clip(text)
	return text, nil
}
