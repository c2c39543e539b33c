package main

import (
	"bytes"
	"encoding/json"
	"io"
)

// relay passes the events of go test -json on, a line at a time. It gives their
// packages a suffix, so that one package can be told from itself on another
// kernel, and shows how many tests ended.
type relay struct {
	to     io.Writer
	suffix string
	step   func(text string, done, wanted int)
	part   []byte
	ended  int
	err    error // the first error, of to
}

// Write never fails: go test must not be stopped by who reads its output.
func (r *relay) Write(p []byte) (int, error) {
	r.part = append(r.part, p...)
	for {
		line, rest, whole := bytes.Cut(r.part, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		r.pass(append(r.line(line), '\n'))
		r.part = rest
	}
}

func (r *relay) pass(line []byte) {
	if _, err := r.to.Write(line); err != nil && r.err == nil {
		r.err = err
	}
}

// line returns one line as it is passed on. What is no event stays as it is.
func (r *relay) line(line []byte) []byte {
	var e map[string]any
	if json.Unmarshal(line, &e) != nil {
		return bytes.Clone(line)
	}
	test, _ := e["Test"].(string)
	switch e["Action"] {
	case "pass", "fail", "skip":
		if test != "" {
			r.ended++
		}
	}
	if pkg, ok := e["Package"].(string); ok && r.step != nil {
		text := test
		if text == "" {
			text = pkg
		}
		r.step(text, r.ended, 0)
	}
	if r.suffix == "" {
		return bytes.Clone(line)
	}
	if pkg, ok := e["Package"].(string); ok {
		e["Package"] = pkg + r.suffix
	}
	out, err := json.Marshal(e)
	if err != nil { // what was unmarshalled can be marshalled
		return bytes.Clone(line)
	}
	return out
}
