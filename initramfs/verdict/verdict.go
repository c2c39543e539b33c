// Package verdict holds what a case ends with: its verdict, the findings of
// the oracles that spoke, and the known issues that explain some of them.
//
// The guest decides a case's verdict and the host decides it again for a case
// whose guest died, so both sides of the wire share this package.
package verdict

// Verdict is what a case ends with.
type Verdict string

// The verdicts. Unknown is not pass: a run that holds one exits non-zero.
const (
	Pass    Verdict = "pass"    // every oracle could see, and none spoke
	Fail    Verdict = "fail"    // an oracle spoke, and no known issue explains it
	Known   Verdict = "known"   // an oracle spoke, and a known issue explains all it said
	Skip    Verdict = "skip"    // the kernel lacks the kind or the facility
	Unknown Verdict = "unknown" // an oracle was blind, or a trigger did not reach its exit
)

// Oracle names something that can tell that teardown went wrong.
type Oracle string

// The oracles.
const (
	Errno    Oracle = "errno"    // what the request that must fail returned
	Notify   Oracle = "notify"   // RTM_NEWLINK and RTM_DELLINK seen by a listener
	Deadline Oracle = "deadline" // an operation that did not end in time
	Log      Oracle = "log"      // a signature in the kernel log
	Remains  Oracle = "remains"  // what is left behind in user space's view of the kernel
	Life     Oracle = "life"     // the order of a device's life, as the unregister path promises it
	Live     Oracle = "live"     // net devices that were allocated and not released
	PerCPU   Oracle = "percpu"   // per-cpu memory that was allocated and not freed
	Account  Oracle = "account"  // allocations by call site, where the kernel counts them (allocation profiling)
	Kmemleak Oracle = "kmemleak" // memory that nothing points to any more
	Guest    Oracle = "guest"    // the guest died while the case ran
	Trigger  Oracle = "trigger"  // the proof that the trigger reached the exit it names
)

// Finding is one thing that one oracle said about one case.
type Finding struct {
	Oracle Oracle `json:"oracle"`
	// Title says it in one line that is the same whenever the same bug is
	// met: no addresses, no numbers that change, no device index.
	Title string `json:"title"`
	// Detail is the evidence: kernel log lines, a backtrace, a list of files.
	Detail string `json:"detail,omitempty"`
	// Injection is the number of the injection that provoked it, from 1; 0
	// where the case injects nothing or the injection is not known.
	Injection int `json:"injection,omitempty"`
	// Known is the ID of the known issue that explains the finding.
	Known string `json:"known,omitempty"`
}

// Case is everything that is reported about one case.
type Case struct {
	Name    string  `json:"name"`    // as go test names it: TestRegisterFailure/bond/E8/bonding_masters
	Kind    string  `json:"kind"`    // sort of device: bond, veth, dummy
	Exit    string  `json:"exit"`    // exit of register_netdevice() it aims at: E2, E9, late; "-" for a case that refuses nothing
	Trigger string  `json:"trigger"` // how it gets there: name bonding_masters, fail-nth
	Verdict Verdict `json:"verdict"`
	// Oracle is the oracle of the first finding that decided the verdict,
	// empty for pass and skip.
	Oracle Oracle `json:"oracle,omitempty"`
	// Reason says in one line why the verdict is what it is; empty for pass.
	Reason  string  `json:"reason,omitempty"`
	Seconds float64 `json:"seconds"` // time its provocation took, the shared scan not included
	// Injections counts the injections that hit, Refused those of them that
	// made the operation fail.
	Injections int `json:"injections"`
	Refused    int `json:"refused,omitempty"`
	// Skipped counts the injections that were not made, because one that is alike
	// to the driver was, or because each takes seconds in this kernel.
	Skipped int `json:"skipped,omitempty"`
	// Reached counts, by exit, how often the case was seen to leave
	// register_netdevice() there.
	Reached map[string]int `json:"reached,omitempty"`
	// Sites are the places that the injections made fail, see [Case.AddSite].
	Sites    []Site    `json:"sites,omitempty"`
	Evidence []Finding `json:"evidence"`
	// Blind says which oracles could not see while the case ran, and why in
	// Title: a detector that switched itself off, an injector that never
	// fired. A case that has one is unknown unless it failed.
	Blind []Finding `json:"blind,omitempty"`
	// Repeat is the command that repeats just this case. The host fills it in.
	Repeat string `json:"repeat,omitempty"`
	// Boot numbers the guest of the run in which the case ended, from 1. The
	// host fills it in.
	Boot int `json:"boot,omitempty"`
}
