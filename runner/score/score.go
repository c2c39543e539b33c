// Package score holds which mutants the suite found on one kernel line, and what
// is made of that: mutants.json, a table, the exit status. Package mutant says
// what a mutant is.
package score

import (
	"time"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/result"
)

// SchemaVersion is the version of mutants.json. It grows when a reader of an
// older version could misunderstand a newer file.
const SchemaVersion = 1

// Outcome is what became of a mutant.
type Outcome string

// The outcomes.
const (
	Killed        Outcome = "killed"         // the suite failed because of it
	Survived      Outcome = "survived"       // all of the suite ran, and did not
	NotApplicable Outcome = "not-applicable" // it is none of this line, or its edit finds no place there
	Equivalent    Outcome = "equivalent"     // nothing can tell it from the real kernel; Why has the argument
	Unknown       Outcome = "unknown"        // it was not seen to the end; Why says why
)

// Score is the content of mutants.json.
type Score struct {
	SchemaVersion int           `json:"schema_version"` // always SchemaVersion
	Tool          result.Tool   `json:"tool"`
	Command       string        `json:"command"` // the command line that started it
	Started       time.Time     `json:"started"`
	Seconds       float64       `json:"seconds"` // from the first boot to the last, the build left out
	Host          result.Host   `json:"host"`
	Kernel        result.Kernel `json:"kernel"`
	Set           string        `json:"set"` // where the mutants are from: tests/mutants, or a file
	Mutants       []Mutant      `json:"mutants"`
	// Control has the cases that killed a mutant, run again on the same kernel with
	// every mutant off; missing when none was killed.
	Control *Control `json:"control,omitempty"`
	// Incomplete says in one line why not every mutant was scored; empty when each
	// was.
	Incomplete string `json:"incomplete,omitempty"`
}

// Mutant is one row of the score.
type Mutant struct {
	ID        string           `json:"id"`
	Commit    []string         `json:"commit"` // that it undoes; "-" for none
	Subject   string           `json:"subject"`
	Mechanism string           `json:"mechanism"`
	Expected  []verdict.Oracle `json:"expected"` // oracles that should speak
	Outcome   Outcome          `json:"outcome"`
	// Kill is what killed it first; missing unless it is killed.
	Kill *Kill `json:"kill,omitempty"`
	// Kills are all that did, where the suite went on (--all).
	Kills   []Kill   `json:"kills"`
	Seconds float64  `json:"seconds"`       // from power-on to the end of the guest that told
	Why     string   `json:"why,omitempty"` // of every outcome but killed and survived
	Runs    []string `json:"runs"`          // folders with the results of its guests, in --out
	// Refused says that its edit finds no place in the source of a line that it is for.
	Refused bool `json:"refused,omitempty"`
}

// Kill is a case that failed because of a mutant.
type Kill struct {
	Oracle verdict.Oracle `json:"oracle"`
	Case   string         `json:"case"`  // "" for a guest that died while no case ran
	Title  string         `json:"title"` // what the oracle found
}

// Control is the run with every mutant off.
type Control struct {
	Cases   int     `json:"cases"`
	Failed  []Kill  `json:"failed"` // what failed all the same, and so kills no mutant
	Seconds float64 `json:"seconds"`
}

// Exit statuses of a score.
const (
	Good       = result.Good       // every mutant that applies and is not equivalent was killed
	Survivors  = result.Regression // some survived
	Incomplete = result.NotProven  // some were not scored
)

// Status returns the exit status of the score.
func (s *Score) Status() int {
	status := Good
	if s.Incomplete != "" {
		status = Incomplete
	}
	for _, m := range s.Mutants {
		switch {
		case m.Outcome == Survived:
			return Survivors
		case m.Outcome == Unknown, m.Refused:
			status = Incomplete
		}
	}
	return status
}

// Count returns how many mutants had the outcome.
func (s *Score) Count(o Outcome) int {
	n := 0
	for _, m := range s.Mutants {
		if m.Outcome == o {
			n++
		}
	}
	return n
}
