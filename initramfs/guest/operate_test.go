package guest

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
	"netdev.test/teardown/initramfs/trace"
	"netdev.test/teardown/initramfs/verdict"
)

func TestCheckInit(t *testing.T) {
	defer func(before *machine) { self = before }(self)
	self = &machine{release: "6.12.1"}
	for _, tt := range []struct {
		name  string
		kind  string
		last  trace.Return
		blind bool
	}{
		{"seen", "bond", trace.Return{Exit: trace.OK, Init: true}, false},
		{"not seen", "bond", trace.Return{Exit: trace.Kobject}, true},
		{"not reached", "bond", trace.Return{Exit: trace.Name}, false},
		{"not of the catalogue", "lo", trace.Return{Exit: trace.OK}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &C{spec: Spec{Kind: tt.kind}}
			c.checkInit(Outcome{Returns: []trace.Return{tt.last}})
			if got := len(c.result.Blind) > 0; got != tt.blind {
				t.Errorf("blind: %v, want %v: %v", got, tt.blind, c.result.Blind)
			}
		})
	}
}

func TestOutcome(t *testing.T) {
	refused := &rtnl.Error{Errno: unix.EINVAL, Message: "because"}
	ok, e9 := trace.Return{Exit: trace.OK}, trace.Return{Exit: trace.Register, Errno: unix.EINVAL}
	for _, tt := range []struct {
		name    string
		outcome Outcome
		refused bool
		exit    trace.Exit
	}{
		{"success", Outcome{Returns: []trace.Return{ok}}, false, trace.OK},
		{"before", Outcome{Err: refused}, true, trace.Before},
		{"the second of a pair", Outcome{Err: refused, Returns: []trace.Return{ok, e9}}, true, trace.Register},
		{"late", Outcome{Err: refused, Returns: []trace.Return{ok}}, true, trace.Late},
		{"answer lost", Outcome{Err: rtnl.ErrNoAck, Returns: []trace.Return{ok}}, false, trace.OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.outcome.Refused(); got != tt.refused {
				t.Errorf("Refused() = %v, want %v", got, tt.refused)
			}
			if got := tt.outcome.Exit(); got != tt.exit {
				t.Errorf("Exit() = %s, want %s", got, tt.exit)
			}
		})
	}
	if got := (Outcome{Err: refused}).Errno(); got != unix.EINVAL {
		t.Errorf("Errno() = %v, want EINVAL", got)
	}
	if got, want := errorName(refused), "EINVAL"; got != want {
		t.Errorf("errorName() = %q, want %q", got, want)
	}
	if got, want := errorName(errors.New("other")), "other"; got != want {
		t.Errorf("errorName() = %q, want %q", got, want)
	}
}

// TestCheckSilent checks the rules of the notification oracle.
func TestCheckSilent(t *testing.T) {
	refused := &rtnl.Error{Errno: unix.EINVAL}
	came, went := rtnl.Notice{Name: "td0"}, rtnl.Notice{Name: "td0", Gone: true}
	peerCame, peerWent := rtnl.Notice{Name: "td0p"}, rtnl.Notice{Name: "td0p", Gone: true}
	late := []trace.Return{{Exit: trace.OK}}
	for _, tt := range []struct {
		name    string
		outcome Outcome
		spoke   bool
	}{
		{"silence", Outcome{Err: refused}, false},
		{"announced", Outcome{Err: refused, Notices: []rtnl.Notice{came, went}}, true},
		{"taken back without having been announced", Outcome{Err: refused, Notices: []rtnl.Notice{went}}, true},
		{"a peer came and went", Outcome{Err: refused, Notices: []rtnl.Notice{peerCame, peerWent}}, false},
		{"a peer came", Outcome{Err: refused, Notices: []rtnl.Notice{peerCame}}, true},
		{"a stranger came", Outcome{Err: refused, Notices: []rtnl.Notice{{Name: "tdm"}}}, false},
		{"late, came and went", Outcome{Err: refused, Returns: late, Notices: []rtnl.Notice{came, went}}, false},
		{"late, came", Outcome{Err: refused, Returns: late, Notices: []rtnl.Notice{came}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &C{}
			c.CheckSilent(tt.outcome, "td0", "td0p")
			spoke := false
			for _, f := range c.result.Evidence {
				spoke = spoke || f.Oracle == verdict.Notify
			}
			if spoke != tt.spoke {
				t.Errorf("spoke: %v, want %v: %v", spoke, tt.spoke, c.result.Evidence)
			}
		})
	}
}
