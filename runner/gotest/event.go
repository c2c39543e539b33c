// Package gotest reads what a Go test binary prints under
// -test.v=test2json, merges what several of them print into one stream, and
// prints that stream as a local test binary would have printed it.
//
// The framing is that of package testing (chattyPrinter) and is described by
// "go doc test2json": a line that tells something about a test begins with the
// byte 0x16, also where the line before it has no end.
package gotest

// Action says what an [Event] tells.
type Action string

// The actions.
const (
	Run    Action = "run"    // the test begins
	Pause  Action = "pause"  // the test waits in T.Parallel
	Cont   Action = "cont"   // the test goes on
	Output Action = "output" // the test printed something
	Attr   Action = "attr"   // the test called T.Attr or T.ArtifactDir: Output is the framing line
	Pass   Action = "pass"   // the test ended well
	Skip   Action = "skip"   // the test was skipped
	Fail   Action = "fail"   // the test failed
	Final  Action = "final"  // the binary's closing PASS or FAIL
)

// Ends reports whether a is the end of a test.
func (a Action) Ends() bool { return a == Pass || a == Skip || a == Fail }

// worse returns the worse of two ends; no end at all is better than any. A
// skip is no better than a pass, for what passed somewhere did run.
func worse(a, b Action) Action {
	rank := map[Action]int{Skip: 1, Pass: 2, Fail: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// Event is one thing that a test binary told.
type Event struct {
	Action  Action
	Test    string  // full name of the test; empty for what belongs to none
	Elapsed float64 // seconds, of an end
	// Output is what was printed, with its newline. A line without one was
	// cut by a framing line, by the end of the stream or by [MaxLine].
	Output string
}
