package suite

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
	"netdev.test/teardown/runner/result"
)

// TestResume: what comes after the guests that the run begins with goes on from a
// snapshot of the first of these that was ready, or else boots.
func TestResume(t *testing.T) {
	silent := func(f *fake) { f.hangs("") }
	for _, test := range []struct {
		name  string
		quirk map[string]func(*fake)
		want  []string // of each guest, how it ended and where it went on from
		kept  int
		sick  bool // a guest died by itself
	}{
		{"from the first one", nil, []string{"exit 0", "exit 0", "exit 2", "exit 2"}, 1, false},
		{"no snapshot", map[string]func(*fake){"save": died}, []string{"exit 0", "could not be saved: take a snapshot: no room 0", "exit 0", "exit 0", "exit 0"}, 0, false},
		{
			"it does not start", map[string]func(*fake){"3 boot": died},
			[]string{"exit 0", "exit 0", "could not go on from guest 2: qemu failed: no such machine 2", "exit 0", "exit 0"}, 1, false,
		},
		{
			"it dies at once", map[string]func(*fake){"3 resumed": func(f *fake) { f.die() }},
			[]string{"exit 0", "exit 0", "could not go on from guest 2: it ended before it said hello 2", "exit 0", "exit 0"}, 1, false,
		},
		{
			"it says nothing", map[string]func(*fake){"3 resumed": silent},
			[]string{"exit 0", "exit 0", "could not go on from guest 2: it did not say hello within 30s 2", "exit 0", "exit 0"}, 1, false,
		},
		{
			"it dies while it is saved", map[string]func(*fake){"2 ready": func(f *fake) { f.tell(wire.Message{Type: wire.Ready}); f.panics("oops") }},
			[]string{"exit 0", "Kernel panic - not syncing: oops 0", "exit 2", "exit 2", "exit 2"}, 1, true,
		},
		{
			"it dies, and so cannot be saved", map[string]func(*fake){
				"save": died, "2 ready": func(f *fake) { f.tell(wire.Message{Type: wire.Ready}); f.panics("oops") }},
			[]string{"exit 0", "Kernel panic - not syncing: oops 0", "exit 0", "exit 0", "exit 0"}, 0, true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &lab{cases: cases(3), quirk: test.quirk}
			o := try(t, l, func(c *Config) { c.Issues = deadly(t) })
			var got []string
			for _, b := range o.run.Boots {
				got = append(got, fmt.Sprintf("%s %d", b.Ended, b.Resumed))
				if b.Ended == "exit" && (len(b.Controls) != 1 || b.Release == "") {
					t.Errorf("guest %d: release %q, controls %v", b.Number, b.Release, b.Controls)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("guests, want (-), got (+):\n%s", diff)
			}
			for _, c := range o.run.Cases {
				if c.Verdict != verdict.Pass {
					t.Errorf("%s %s: %s", c.Name, c.Verdict, c.Reason)
				}
			}
			if (ExitCode(o.run) == result.Good) == test.sick {
				t.Errorf("exit status %d: %s", ExitCode(o.run), o.run.Incomplete)
			}
			if len(l.kept) != test.kept {
				t.Errorf("%d snapshots, want %d", len(l.kept), test.kept)
			}
			for _, s := range l.kept {
				if !s.closed {
					t.Error("a snapshot was not given back")
				}
			}
		})
	}
}

// TestReadyTwice: a guest that is ready twice does not keep to the protocol.
func TestReadyTwice(t *testing.T) {
	l := &lab{cases: cases(1), quirk: map[string]func(*fake){"1 TestA/a": func(f *fake) { f.tell(wire.Message{Type: wire.Ready}); f.hangs("") }}}
	o := try(t, l, nil)
	want := []string{"TestA/a unknown in 1: it sent on teardown.case what makes no sense: it is ready a second time"}
	if diff := cmp.Diff(want, o.verdicts()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}
