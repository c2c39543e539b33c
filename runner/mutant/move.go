package mutant

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// moves reports whether the edit takes a statement elsewhere.
func (e *Edit) moves() bool { return e.moveBefore != "" || e.moveAfter != "" }

// moved returns the sites of an edit that moves the statement at s: where it is
// left out, and where it is run instead.
func (e *Edit) moved(tree *sources, s site) ([]site, error) {
	text, err := tree.read(s.file)
	if err != nil {
		return nil, err
	}
	code := strings.Join(strings.Fields(string(text[s.start:s.end])), " ")
	to, err := e.target(tree, s)
	if err != nil {
		return nil, err
	}
	there := &Edit{Before: code}
	if e.moveAfter != "" {
		there = &Edit{After: code}
	}
	s.edit = &Edit{Delete: true}
	to.edit = there
	return []site{s, to}, nil
}

// target returns the statement that calls the function before or after which the
// edit moves something.
func (e *Edit) target(tree *sources, from site) (site, error) {
	name := e.moveBefore + e.moveAfter
	var found []site
	err := e.eachBody(tree, from, func(file string, text []byte, body span) {
		for i := body.start; i < body.end; i++ {
			if next := skip(text, i); next > i {
				i = next - 1
				continue
			}
			if at := text[i:body.end]; bytes.HasPrefix(at, []byte(name+"(")) && !wordByte(text[i-1]) {
				found = append(found, site{file: file, span: e.around(text, body, i)})
			}
		}
	})
	if err != nil {
		return site{}, err
	}
	if len(found) != 1 {
		return site{}, fmt.Errorf("%s() is called %d times, want once, where the statement should go", name, len(found))
	}
	return found[0], nil
}

// eachBody calls f for each body of the function that the edit moves to.
func (e *Edit) eachBody(tree *sources, from site, f func(file string, text []byte, body span)) error {
	files, names := []string{from.file}, e.Function
	if e.moveTo != "" {
		names = verdict.List{e.moveTo}
		all, err := fs.Glob(tree.tree, path.Join(path.Dir(from.file), "*.c"))
		if err != nil {
			return err
		}
		files = all
	}
	bodies := 0
	for _, file := range files {
		text, err := tree.read(file)
		if err != nil {
			return err
		}
		for _, name := range names {
			for _, body := range functions(text, name) {
				bodies++
				f(file, text, body)
			}
		}
	}
	if bodies == 0 {
		return errors.New(names[0] + "(): no such function")
	}
	return nil
}

// around returns the statement that holds what is at i, and with it the check of
// what it returned, if the edit is about that.
func (e *Edit) around(text []byte, body span, i int) span {
	start := i
	for start > body.start && !bytes.ContainsAny(text[start-1:start], ";{}") {
		start--
	}
	for {
		start += len(text[start:]) - len(bytes.TrimLeft(text[start:], " \t\n"))
		next := skip(text, start)
		if next == start || text[start] == '"' || text[start] == '\'' {
			break
		}
		start = next
	}
	end := statementEnd(text, body, i)
	if e.checked {
		rest := text[end:body.end]
		check := end + len(rest) - len(bytes.TrimLeft(rest, " \t\n"))
		if bytes.HasPrefix(text[check:], []byte("if (")) {
			end = statementEnd(text, body, check)
		}
	}
	return span{start, end}
}

// statementEnd returns the end of the statement that holds what is at i.
func statementEnd(text []byte, body span, i int) int {
	s, err := statementsFrom(text, body, span{i, i})
	if err != nil {
		return i
	}
	return s.end
}

// wordByte reports whether c can be part of a name.
func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
