package kmemleak

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"netdev.test/teardown/initramfs/klog"
)

// Leak is one unreferenced object, as print_unreferenced() of mm/kmemleak.c
// reports it.
type Leak struct {
	Address uint64
	Size    int // bytes; of one CPU's copy where PerCPU
	// PerCPU says that it is per-CPU memory. 7.2 and later tag such a report;
	// 6.12 shows it by the CPU in the head of the hex dump; 5.10 and 6.1 never
	// report per-CPU memory.
	PerCPU bool
	Phys   bool   // registered by its physical address (tagged since 7.2)
	Comm   string // name of the task that allocated it, hardirq or softirq
	PID    int
	// Jiffies is when it was allocated, on the scale of [Jiffies].
	Jiffies   uint64
	Age       time.Duration // when the report was read; 5.10 and 6.1 only
	Checksum  uint32        // of its content at the last scan; 6.12 and later
	HexDump   []string      // at most two lines of its first 32 bytes
	Backtrace []string      // innermost first, as %pS prints it: fdb_create+0x2b/0x160 [bridge]
}

// titleFrames is how many functions a title names.
const titleFrames = 4

// Title says in one line what leaked, the same whenever the same bug is met:
// the innermost functions that are not an allocator's, without offsets and
// without what the compiler added to their names.
func (l Leak) Title() string {
	sites := l.Sites(titleFrames)
	if len(sites) == 0 { // allocators alone say more than nothing
		for _, f := range l.frames() {
			sites = append(sites, f.Function())
		}
		sites = sites[:min(len(sites), titleFrames)]
	}
	if len(sites) == 0 {
		return "leak: no backtrace"
	}
	return "leak: " + strings.Join(sites, " < ")
}

// Sites names the first n functions of the backtrace that are not an
// allocator's or the kernel's entry code.
func (l Leak) Sites(n int) []string { return klog.Sites(l.frames(), n) }

func (l Leak) frames() []klog.Frame {
	var frames []klog.Frame
	for _, b := range l.Backtrace {
		if f, ok := klog.ParseFrame(b); ok {
			frames = append(frames, f)
		}
	}
	return frames
}

// object identifies one allocation: an address can be allocated anew.
type object struct{ address, jiffies uint64 }

func (l Leak) object() object { return object{l.Address, l.Jiffies} }

const (
	maxLine  = 4096    // bytes of one line
	maxLeaks = 100_000 // in one report
	maxTrace = 64      // frames; MAX_TRACE in mm/kmemleak.c is 16
	maxHex   = 2       // rows of the hex dump; HEX_MAX_LINES there
)

var (
	headLine  = regexp.MustCompile(`^unreferenced object( \(percpu\)| \(phys\))? 0x([0-9a-f]{1,16}) \(size (\d+)\):$`)
	taskLine  = regexp.MustCompile(`^  comm "(.*)", pid (-?\d+), jiffies (\d+)(?: \(age (\d+)\.(\d{3})s\))?$`)
	dumpLine  = regexp.MustCompile(`^  hex dump \(first (\d+) bytes( on cpu \d+)?\):$`)
	traceLine = regexp.MustCompile(`^  backtrace(?: \(crc ([0-9a-f]{1,8})\))?:$`)
	// hexLine is a row of seq_hex_dump(): up to 16 bytes and their text.
	hexLine = regexp.MustCompile(`^    (?:[0-9a-f]{2} ){1,16} *.*$`)
	// frameLine is the address of 5.10 and 6.1, if any, and what %pS makes of
	// it: a symbol, or the bare address where there is none.
	frameLine = regexp.MustCompile(`^    (?:\[<[0-9a-fx]+>\] )?(\S.*)$`)
)

// Parse reads the reports of debugfs' kmemleak file. It knows the formats of
// 5.10 to 7.3, and stops with an error that names the line at the first one
// that fits none of them: a report that is not understood is never left out.
func Parse(r io.Reader) ([]Leak, error) {
	p := parser{lines: bufio.NewScanner(r)}
	p.lines.Buffer(make([]byte, maxLine), maxLine)
	var out []Leak
	for p.next() {
		if len(out) == maxLeaks {
			return out, fmt.Errorf("kmemleak report: more than %d objects", maxLeaks)
		}
		l, err := p.leak()
		if err != nil {
			return out, err
		}
		out = append(out, l)
	}
	return out, p.err()
}

type parser struct {
	lines *bufio.Scanner
	n     int
	text  string
	again bool // next returns the same line once more
	ended bool
}

func (p *parser) next() bool {
	if p.again {
		p.again = false
		return true
	}
	if p.ended || !p.lines.Scan() {
		p.ended, p.text = true, ""
		return false
	}
	p.n++
	p.text = p.lines.Text()
	return true
}

func (p *parser) err() error {
	switch err := p.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("kmemleak report, line %d: longer than %d bytes", p.n+1, maxLine)
	case err != nil:
		return fmt.Errorf("kmemleak report, after line %d: %w", p.n, err)
	}
	return nil
}

// match reads a line that must match re.
func (p *parser) match(re *regexp.Regexp, what string) ([]string, error) {
	if !p.next() {
		if err := p.err(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("kmemleak report ends after line %d, want %s", p.n, what)
	}
	m := re.FindStringSubmatch(p.text)
	if m == nil {
		return nil, fmt.Errorf("kmemleak report, line %d: %.100q is not %s", p.n, p.text, what)
	}
	return m, nil
}

// leak parses one report, whose first line has been read.
func (p *parser) leak() (Leak, error) {
	p.again = true
	head, err := p.match(headLine, `"unreferenced object 0xADDRESS (size N):"`)
	if err != nil {
		return Leak{}, err
	}
	task, err := p.match(taskLine, `"  comm "NAME", pid N, jiffies N"`)
	if err != nil {
		return Leak{}, err
	}
	l := Leak{Comm: task[1], PerCPU: head[1] == " (percpu)", Phys: head[1] == " (phys)"}
	var errs [6]error
	l.Address, errs[0] = strconv.ParseUint(head[2], 16, 64)
	l.Size, errs[1] = strconv.Atoi(head[3])
	l.PID, errs[2] = strconv.Atoi(task[2])
	l.Jiffies, errs[3] = strconv.ParseUint(task[3], 10, 64)
	if task[4] != "" {
		l.Age, errs[4] = time.ParseDuration(task[4] + "." + task[5] + "s")
	}
	if err := errors.Join(errs[:]...); err != nil {
		return Leak{}, fmt.Errorf("kmemleak report, lines %d and %d: %w", p.n-1, p.n, err)
	}
	if err := p.hexDump(&l); err != nil {
		return Leak{}, err
	}
	return l, p.backtrace(&l)
}

func (p *parser) hexDump(l *Leak) error {
	m, err := p.match(dumpLine, `"  hex dump (first N bytes):"`)
	if err != nil {
		return err
	}
	if m[2] != "" {
		l.PerCPU = true
	}
	for p.next() {
		if len(l.HexDump) == maxHex || !hexLine.MatchString(p.text) {
			p.again = true
			return nil
		}
		l.HexDump = append(l.HexDump, strings.TrimPrefix(p.text, "    "))
	}
	return p.err()
}

func (p *parser) backtrace(l *Leak) error {
	m, err := p.match(traceLine, `"  backtrace:"`)
	if err != nil {
		return err
	}
	if m[1] != "" {
		crc, err := strconv.ParseUint(m[1], 16, 32)
		if err != nil {
			return fmt.Errorf("kmemleak report, line %d: %w", p.n, err)
		}
		l.Checksum = uint32(crc)
	}
	for p.next() {
		f := frameLine.FindStringSubmatch(p.text)
		if f == nil {
			p.again = true // the next report, or a line that is none
			return nil
		}
		if len(l.Backtrace) == maxTrace {
			return fmt.Errorf("kmemleak report, line %d: backtrace of more than %d frames", p.n, maxTrace)
		}
		l.Backtrace = append(l.Backtrace, f[1])
	}
	return p.err()
}
