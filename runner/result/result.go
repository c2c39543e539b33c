// Package result holds what is known about a run when it is over: one
// documented model, and everything that is made from it (results.json,
// junit.xml, the verdict on the terminal, a Markdown summary, the exit status).
//
// docs/results.md describes the model for people, docs/results.schema.json for
// programs.
package result

import (
	"slices"
	"time"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// SchemaVersion is the version of the model. It grows when a reader of an
// older version could misunderstand a newer file; [Read] refuses any other.
const SchemaVersion = 2

// Run is everything that is reported about one run on one kernel.
type Run struct {
	SchemaVersion int       `json:"schema_version"` // always SchemaVersion
	Tool          Tool      `json:"tool"`
	Command       string    `json:"command"` // the command line that started the run
	Started       time.Time `json:"started"`
	Seconds       float64   `json:"seconds"` // from start to verdict
	Host          Host      `json:"host"`
	Kernel        Kernel    `json:"kernel"`
	// Wanted is the number of cases that were meant to run, 0 when the run
	// ended before that was known.
	Wanted int            `json:"wanted"`
	Cases  []verdict.Case `json:"cases"`
	Known  []KnownMet     `json:"known"` // known issues that were met
	Fixed  []Fixed        `json:"fixed"` // known issues that should have been met and were not
	// Coverage is how often each kind left register_netdevice() by which exit,
	// Unreached names the exits by which nothing did.
	Coverage  []Hit    `json:"coverage"`
	Unreached []string `json:"unreached"`
	Boots     []Boot   `json:"boots"`
	Phases    []Phase  `json:"phases"`
	// Incomplete says in one line why not everything that was meant to run
	// ran; empty when it did.
	Incomplete string `json:"incomplete,omitempty"`
}

// Tool is the program that made the run.
type Tool struct {
	Version string `json:"version"` // module version or VCS revision
}

// Host is the machine that made the run.
type Host struct {
	CPUs              int    `json:"cpus"`
	Accelerator       string `json:"accelerator"`                  // kvm or tcg
	AcceleratorReason string `json:"accelerator_reason,omitempty"` // why this one
	QEMU              string `json:"qemu"`                         // version of QEMU
	Go                string `json:"go"`                           // version of Go
}

// Kernel is the kernel under test.
type Kernel struct {
	Line       string `json:"line,omitempty"`        // 6.12; empty for a tree or an image
	Release    string `json:"release"`               // as uname -r shows it: 6.12.117-teardown
	Source     string `json:"source"`                // where it came from, for people
	Profile    string `json:"profile"`               // leak
	ConfigHash string `json:"config_hash,omitempty"` // SHA-256 of the final .config in hex, empty for an image
	// Mutated says that bugs were compiled into it on purpose. Such a run must not be
	// compared with that of a real kernel, nor take part in a bisection.
	Mutated bool   `json:"mutated,omitempty"`
	Mutant  string `json:"mutant,omitempty"` // which of the bugs was on, empty for none
}

// KnownMet is a known issue that the run met.
type KnownMet struct {
	ID     string   `json:"id"`
	Title  string   `json:"title"`
	Reason string   `json:"reason"`
	Link   string   `json:"link,omitempty"`
	Cases  []string `json:"cases"` // names of the cases that met it
}

// Fixed is a known issue that the run should have met and did not.
type Fixed struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Boot is one guest of the run.
type Boot struct {
	Number   int                   `json:"number"` // from 1
	Release  string                `json:"release"`
	Resumed  int                   `json:"resumed,omitempty"` // the guest from whose snapshot it went on; 0 when it booted
	Ended    string                `json:"ended"`             // why it ended: exit, spoiled by CASE, kernel panic
	Seconds  float64               `json:"seconds"`
	Controls []wire.ControlOutcome `json:"controls"` // the oracles' positive controls
}

// Phase is a part of the run and how long it took, summed over all guests.
type Phase struct {
	Name    string  `json:"name"` // host compile, kernel, image, power-on to init, resume, snapshot, cases, an oracle's, power-off
	Seconds float64 `json:"seconds"`
}

// Exit statuses of a run.
const (
	Good       = 0 // everything that was meant to run ran, and nothing new was found
	Regression = 1 // a case failed
	NotProven  = 3 // something was not seen: a blind oracle, a dead guest, no case at all
)

// Status returns the exit status of the run: [Regression] when a case failed,
// else [NotProven] when a case is unknown, a positive control was not seen, the
// run is not complete or no case ran (a skipped case did not run), else [Good].
func (r *Run) Status() int {
	n := r.count()
	switch {
	case n[verdict.Fail] > 0:
		return Regression
	case n[verdict.Unknown] > 0, len(r.unseen()) > 0, r.incomplete() != "":
		return NotProven
	}
	return Good
}

// count counts the cases by verdict. Whatever is no verdict is unknown.
func (r *Run) count() map[verdict.Verdict]int {
	n := map[verdict.Verdict]int{}
	for i := range r.Cases {
		n[verdictOf(&r.Cases[i])]++
	}
	return n
}

// verdictOf returns the verdict of c, unknown where it has none.
func verdictOf(c *verdict.Case) verdict.Verdict {
	if !c.Verdict.Valid() {
		return verdict.Unknown
	}
	return c.Verdict
}

// incomplete says why not everything that was meant to run ran, or "".
func (r *Run) incomplete() string {
	n := r.count()
	switch {
	case r.Incomplete != "":
		return r.Incomplete
	case len(r.Cases) < r.Wanted:
		return "not every case that was meant to run has a verdict"
	case len(r.Cases) == 0:
		return "no case ran"
	case n[verdict.Skip] == len(r.Cases):
		return "no case ran: all were skipped"
	}
	return ""
}

// missedControl is a positive control that was not seen.
type missedControl struct {
	boot int
	wire.ControlOutcome
}

// unseen returns the positive controls that were not seen. An oracle that the
// kernel has no use for has none.
func (r *Run) unseen() []missedControl {
	var missed []missedControl
	for _, b := range r.Boots {
		for _, c := range b.Controls {
			if !c.Saw && !c.Absent {
				missed = append(missed, missedControl{b.Number, c})
			}
		}
	}
	return missed
}

// Account fills in Coverage, Unreached, Known and Fixed from the run's cases,
// whose findings [verdict.Issues.Explain] has seen. Only an oracle that could see
// in this run can tell that an issue is fixed.
func (r *Run) Account(issues verdict.Issues) {
	r.Known, r.Fixed = nil, nil
	r.Coverage = r.coverage()
	r.Unreached = unreached(r.Coverage)
	for _, issue := range issues {
		met := KnownMet{ID: issue.ID, Title: issue.Title, Reason: issue.Reason, Link: issue.Link}
		for _, c := range r.Cases {
			if slices.ContainsFunc(c.Evidence, func(f verdict.Finding) bool { return f.Known == issue.ID }) {
				met.Cases = append(met.Cases, c.Name)
			}
		}
		if len(met.Cases) > 0 {
			r.Known = append(r.Known, met)
		}
	}
	for _, issue := range issues.Fixed(r.Cases, r.Kernel.Release) {
		if w, _ := r.watch(issue.Oracle); w == seen || w == unplanted {
			r.Fixed = append(r.Fixed, Fixed{ID: issue.ID, Title: issue.Title})
		}
	}
}
