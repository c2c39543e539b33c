package kernel

import (
	"bytes"
	"strings"
	"sync"
	"time"
)

// A Step is a stage of getting a kernel.
type Step string

// The steps, in the order in which they may occur.
const (
	StepWait      Step = "wait"      // for another run that builds the same
	StepFind      Step = "find"      // the newest source
	StepDownload  Step = "download"  // Done and Total are bytes
	StepUnpack    Step = "unpack"    //
	StepCopy      Step = "copy"      // of a tree that was built in place; Done and Total are files
	StepConfigure Step = "configure" //
	StepCompile   Step = "compile"   // Done and Total are make's steps
	StepModule    Step = "module"    // our own
	StepInstall   Step = "install"   // into the cache
)

// Progress is one report on the way to a kernel.
type Progress struct {
	Step      Step
	Detail    string // what is being worked on: a package, a file
	Done      int64
	Total     int64         // 0 when not known
	Estimated bool          // Total comes from another build
	Elapsed   time.Duration // since the step began
}

// reporter numbers the reports of one step; safe for concurrent use.
type reporter struct {
	mu    sync.Mutex
	to    func(Progress)
	last  Progress
	began time.Time
}

// step starts a step.
func (r *reporter) step(s Step, detail string, total int64, estimated bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.began = time.Now()
	r.last = Progress{Step: s, Detail: detail, Total: total, Estimated: estimated}
	r.send()
}

// done moves the current step on; an estimated total grows when it is passed.
func (r *reporter) done(n int64, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last.Done = n
	if detail != "" {
		r.last.Detail = detail
	}
	if r.last.Estimated {
		r.last.Total = max(r.last.Total, n)
	}
	r.send()
}

func (r *reporter) send() {
	if r.to != nil {
		r.last.Elapsed = time.Since(r.began)
		r.to(r.last)
	}
}

// makeSteps counts the steps in make's output ("  CC      net/core/dev.o").
type makeSteps struct {
	report func(done int64, file string)
	count  int64
	line   []byte
}

func (m *makeSteps) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		m.line = append(m.line, line...)
		rest = after
		if !whole {
			break
		}
		if file, ok := makeStep(string(m.line)); ok {
			m.count++
			m.report(m.count, file)
		}
		m.line = m.line[:0]
	}
	return len(p), nil
}

// makeStep returns the file of a line in Kbuild's short form: two spaces, a
// word in capitals, the file.
func makeStep(line string) (file string, ok bool) {
	if !strings.HasPrefix(line, "  ") {
		return "", false
	}
	f := strings.Fields(line)
	if len(f) < 2 || f[0] != strings.ToUpper(f[0]) || strings.ToLower(f[0]) == f[0] {
		return "", false
	}
	return f[len(f)-1], true
}
