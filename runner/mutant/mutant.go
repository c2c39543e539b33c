// Package mutant holds bugs to be put into a kernel on purpose, to see whether
// the suite finds them: the format they are written in (tests/mutants/*.toml,
// or a table of tab-separated columns), how their edits find their place in a
// kernel's source, and the schemata, by which all mutants of a kernel line are
// compiled into one kernel, each behind a switch on the kernel's command line.
//
// # Edits
//
// An edit names a function, and an anchor in it: a regular expression that must
// match there once. What it does is always to wrap the text that it found, in
// the same line, so that the line numbers of the mutated source are those of the
// real one:
//
//	{ if (teardown_mutant != 2126396602) { dev->priv_destructor(dev); } }
//
// So any number of mutants may edit the same place, or one place inside
// another. Only two that overlap halfway are refused.
//
// No switch can stand outside of functions, as in the table of a driver's operations.
// A mutant that edits there has a kernel of its own, in which it is always on.
package mutant

import (
	"regexp"
	"slices"

	"netdev.test/teardown/initramfs/verdict"
)

// A Mutant is one bug.
type Mutant struct {
	ID string `toml:"id"` // K04
	// Commit is the fix that is undone, or several; "-" for a bug without one.
	Commit    verdict.List `toml:"commit"`
	Subject   string       `toml:"subject"`   // of the commit, or what the bug is about
	Mechanism string       `toml:"mechanism"` // what goes wrong
	// Kernels are the ranges of releases that it applies to (">=6.1 <7.2"), one of
	// which must hold. None means any.
	Kernels verdict.List `toml:"kernels"`
	// Run selects the cases that should kill it, as go test -run does; "" means
	// those that its files suggest (see [Mutant.Cases]).
	Run string `toml:"run"`
	// Oracles are those that should speak.
	Oracles []verdict.Oracle `toml:"oracles"`
	Edits   []Edit           `toml:"edit"`
	// Equivalent says why nothing can tell it from the real kernel.
	Equivalent []Equivalent `toml:"equivalent"`

	kernels verdict.Releases
	trigger string // what a table says about how it is provoked
	refused string // why what a table says cannot be applied, "" where it can
}

// An Equivalent is the argument why a mutant makes no difference to anything that
// can be observed.
type Equivalent struct {
	Kernels verdict.List `toml:"kernels"` // releases for which it holds; none means any
	Reason  string       `toml:"reason"`

	kernels verdict.Releases
}

// An Edit is one place that a mutant changes, and how. One of Delete, Before,
// After, Statement, Expression and Replace is set.
type Edit struct {
	// Kernels are the ranges of releases that need this edit. None means any.
	Kernels verdict.List `toml:"kernels"`
	// File and Function have the names of the place on all lines. The anchor must
	// match once in all of those together that a line has, or in the files where
	// the edit is outside of functions.
	File     verdict.List `toml:"file"`
	Function verdict.List `toml:"function"`
	Anchor   string       `toml:"anchor"`
	// At, where there is one, moves the place from what the anchor matched to
	// what At, or its first group, matches first from there on. Of several matches
	// of the anchor, the one is meant in which At matches.
	At string `toml:"at"`

	Delete     bool   `toml:"delete"`     // the statements are left out
	Before     string `toml:"before"`     // statements to run before
	After      string `toml:"after"`      // statements to run after, also of a label
	Statement  string `toml:"statement"`  // statements instead
	Expression string `toml:"expression"` // an expression instead of one
	Replace    string `toml:"replace"`    // text instead, outside of functions

	kernels    verdict.Releases
	anchor, at *regexp.Regexp

	// What only a table can ask for: one of several matches, by its line or as the
	// last, and that the statement moves before or after the one that calls a function, in a function
	// of the same folder (moveTo) or in its own, with the check of its result.
	numbers                       []numbered
	last                          bool
	moveBefore, moveAfter, moveTo string
	checked                       bool
}

// numbered is the number of a line in the source of some kernels.
type numbered struct {
	kernels verdict.Releases
	line    int
}

// Applies reports whether the mutant is one of the kernel release.
func (m *Mutant) Applies(release string) bool { return within(m.kernels, release) }

// Alone reports whether the mutant needs a kernel of its own, because no switch can
// stand where it edits.
func (m *Mutant) Alone() bool {
	return slices.ContainsFunc(m.Edits, func(e Edit) bool { return e.Replace != "" })
}

// EquivalentOn returns why the mutant makes no difference on the kernel release,
// "" if it does.
func (m *Mutant) EquivalentOn(release string) string {
	for _, e := range m.Equivalent {
		if within(e.kernels, release) {
			return e.Reason
		}
	}
	return ""
}

// within reports whether the release is in one of the ranges; none means any.
func within(ranges verdict.Releases, release string) bool {
	return len(ranges) == 0 || ranges.Contain(release)
}

// A Set is a list of mutants in the order of their files.
type Set []Mutant

// Switched returns the mutants that have switches.
func (s Set) Switched() Set {
	return slices.DeleteFunc(slices.Clone(s), func(m Mutant) bool { return m.Alone() })
}

// Find returns the mutant with the id.
func (s Set) Find(id string) (*Mutant, bool) {
	for i := range s {
		if s[i].ID == id {
			return &s[i], true
		}
	}
	return nil, false
}
