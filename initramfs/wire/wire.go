// Package wire holds the messages that guest and host exchange.
//
// A guest has three virtio-serial ports. [StdoutPort] carries what the test
// binary prints (standard output and standard error, as testing's
// -test.v=test2json writes them) and nothing else. [ControlPort] belongs to the
// supervisor that u-root's init starts: it says [Hello], receives [Start] and
// ends with [Exit]. [CasePort] belongs to the test binary itself, which has it
// as file descriptor [CaseFD]: it asks with a [Message] before each case and
// tells what became of it. Control and case messages are one JSON value a line.
package wire

import (
	"netdev.test/teardown/initramfs/verdict"
)

// Names of the virtio-serial ports, as /sys/class/virtio-ports/*/name shows them.
const (
	StdoutPort  = "teardown.stdout"
	ControlPort = "teardown.control"
	CasePort    = "teardown.case"
)

// CaseFD is the file descriptor of [CasePort] in the test binary.
const CaseFD = 3

// InGuestEnv is set to 1 in the environment of the test binary in the guest.
const InGuestEnv = "TEARDOWN_IN_GUEST"

// SeedEnv holds, in the environment of the test binary, the seed of what cases
// choose at random: a decimal number of 64 bits.
const SeedEnv = "TEARDOWN_SEED"

// Hello is the guest's first line on [ControlPort].
type Hello struct {
	Release string  `json:"release"` // utsname release
	Version string  `json:"version"` // utsname version
	Uptime  float64 `json:"uptime"`  // seconds since power-on by the guest's clock, when the supervisor started
	// Lacking lists, for each symbol of the configuration fragments that
	// /proc/config.gz does not have as asked, the line that was asked for.
	Lacking []string `json:"lacking,omitempty"`
}

// Start is the host's answer to [Hello]: what to run.
type Start struct {
	Args []string `json:"args"` // arguments of the test binary, its name not included
	Env  []string `json:"env,omitempty"`
}

// Exit is the guest's last line on [ControlPort]. Its absence means that the
// guest died.
type Exit struct {
	Code   int    `json:"code"`             // exit status of the test binary
	Signal string `json:"signal,omitempty"` // signal that ended it
}

// Type says which of a [Message]'s fields mean something.
type Type string

// The types of message that the test binary sends on [CasePort].
const (
	// Ready says that the guest is set up. The host answers with one [Begin], before
	// which no test runs: until then any number of guests can go on from the same
	// state.
	Ready Type = "ready"
	// Claim asks whether the case Test is this guest's to run; Case is what is
	// known of it before it runs, for the host to report if the guest dies; its
	// Verdict is skip when the kernel lacks what it needs, and else empty. The host
	// answers each claim, in order, with one [Grant].
	Claim Type = "claim"
	// Progress says that Test has done Done of about Of steps (Of may be 0 or
	// grow). It also shows that the guest is alive.
	Progress Type = "progress"
	// Settled says that the provocation of Test is over: only the shared leak
	// scan is missing before its verdict.
	Settled Type = "settled"
	// Verdict carries the Case that ended.
	Verdict Type = "verdict"
	// Spoiled says that Test left the guest in a state (Reason) in which no
	// further case may be started: the host denies all further claims of
	// this guest, and runs what is left in a fresh one.
	Spoiled Type = "spoiled"
	// Phase says that the guest spent Seconds in Phase: "leak wait", "scan", or
	// the name of an oracle. What is told of the same phase is summed. Phase
	// with Seconds 0 says that it begins.
	Phase Type = "phase"
	// Control tells the outcome of a positive control.
	Control Type = "control"
	// Finished is the test binary's last message: all tests are over, and its
	// exit status will be Done. A task stuck in the kernel can keep the
	// process, and so [Exit], from ever coming.
	Finished Type = "finished"
)

// Begin is the host's answer to [Ready].
type Begin struct {
	Run string `json:"run,omitempty"` // -test.run of this guest; empty for that of [Start]
}

// Message is what the test binary sends on [CasePort].
type Message struct {
	Type    Type            `json:"type"`
	Test    string          `json:"test,omitempty"`
	Done    int             `json:"done,omitempty"`
	Of      int             `json:"of,omitempty"`
	Case    *verdict.Case   `json:"case,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Phase   string          `json:"phase,omitempty"`
	Seconds float64         `json:"seconds,omitempty"`
	Control *ControlOutcome `json:"control,omitempty"`
}

// ControlOutcome is the outcome of one oracle's positive control in one boot.
type ControlOutcome struct {
	Oracle verdict.Oracle `json:"oracle"`
	Saw    bool           `json:"saw"` // the oracle reported what was planted
	// Absent says that this kernel lacks what the oracle needs, so that it was
	// not asked in this boot. That is no failure of the oracle.
	Absent bool   `json:"absent,omitempty"`
	Detail string `json:"detail,omitempty"` // what it reported, or why it did not
}

// Grant answers a [Claim].
type Grant struct {
	Granted bool `json:"granted"`
}
