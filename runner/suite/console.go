package suite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const (
	consoleTail = 256 << 10 // bytes of a console that are kept for the last words
	maxConsole  = 1 << 30   // bytes of a console that are written to its file
)

// panicLine is how panic() in kernel/panic.c begins.
var panicLine = []byte("Kernel panic - not syncing")

// console takes what a guest prints on its console: it writes it to a file and
// keeps the end of it.
type console struct {
	path  string
	heard func() // called at each write
	panic func() // called once, at the kernel's panic

	mu       sync.Mutex
	file     *os.File
	err      error // the first one of file
	total    int   // bytes taken
	tail     []byte
	panicked bool
}

// openConsole creates console-<number>.log in dir.
func openConsole(dir string, number int) (*console, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the results: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("console-%d.log", number))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep the console of guest %d: %w", number, err)
	}
	return &console{path: path, file: file}, nil
}

// Write never fails: a console that is not read stops its guest. What went
// wrong with the file is told by close.
func (c *console) Write(p []byte) (int, error) {
	c.heard()
	if c.write(p) {
		c.panic()
	}
	return len(p), nil
}

// write reports whether p shows that the kernel panics.
func (c *console) write(p []byte) (panics bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && c.total < maxConsole {
		_, c.err = c.file.Write(p)
	}
	c.total += len(p)
	c.tail = append(c.tail, p...)
	recent := c.tail[max(0, len(c.tail)-len(p)-len(panicLine)):]
	panics = !c.panicked && bytes.Contains(recent, panicLine)
	c.panicked = c.panicked || panics
	if over := len(c.tail) - consoleTail; over > 0 {
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
	return panics
}

// mark is a place in the console: where it ends now.
func (c *console) mark() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// after returns the end of the console, from mark on.
func (c *console) after(mark int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.tail[max(0, len(c.tail)-(c.total-mark)):])
}

// between returns what came between two marks, as far as it is kept.
func (c *console) between(from, to int) []byte {
	text := c.after(from)
	return text[:max(0, len(text)-len(c.after(to)))]
}

// close closes the file.
func (c *console) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.file.Close(); c.err == nil {
		c.err = err
	}
	if c.err != nil {
		return fmt.Errorf("keep a console: %w", c.err)
	}
	return nil
}

// lastLines returns the last n lines that are not blank, for a message of one
// line.
func lastLines(text []byte, n int) string {
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(string(text), "?")) {
		line = strings.TrimSpace(strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, line))
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}
