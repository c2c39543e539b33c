package score

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/result"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with the file, or makes it the file's content.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (make it with -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs, -update accepts it (-want +got):\n%s", path, diff)
	}
}

// example is a score with every outcome.
func example() *Score {
	leak := Kill{verdict.Kmemleak, "TestLifeCycle/ifb/create-delete", "leak of 2048 bytes"}
	return &Score{
		Tool: result.Tool{Version: "v1"}, Command: "go run ./runner mutants --kernel 6.12",
		Started: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), Seconds: 61.5, Host: result.Host{CPUs: 2, Accelerator: "tcg"},
		Kernel: result.Kernel{Line: "6.12", Release: "6.12.118-teardown-mutants", Source: "a test with mutants", Profile: "leak", Mutated: true},
		Set:    "tests/mutants",
		Mutants: []Mutant{
			{ID: "K01", Commit: []string{"814152a89ed5"}, Subject: "a leak", Mechanism: "it leaks", Expected: []verdict.Oracle{verdict.Kmemleak},
				Outcome: Killed, Kill: &leak, Kills: []Kill{leak}, Seconds: 21.25, Runs: []string{"K01/1"}},
			{ID: "K02", Commit: []string{"0123456789ab", "ba9876543210"}, Subject: "a crash", Mechanism: "it crashes", Outcome: Killed,
				Kill:  &Kill{verdict.Guest, "", "kernel panic\x1b[2J\nat boot"},
				Kills: []Kill{{verdict.Guest, "", "kernel panic\x1b[2J\nat boot"}}, Seconds: 9, Runs: []string{"K02/1"}},
			{ID: "K03", Commit: []string{"-"}, Subject: "c", Mechanism: "c", Outcome: Survived, Seconds: 300, Runs: []string{"K03/1", "K03/2"}},
			{ID: "K04", Commit: []string{"-"}, Subject: "d", Mechanism: "d", Outcome: NotApplicable, Why: "it is none of this line"},
			{ID: "K05", Commit: []string{"-"}, Subject: "e", Mechanism: "e", Outcome: Equivalent, Why: "nobody reads\nwhat it sets"},
			{ID: "K06", Commit: []string{"-"}, Subject: "f", Mechanism: "f", Outcome: Unknown, Why: "interrupted"},
		},
		Control: &Control{Cases: 1, Seconds: 12},
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	if err := Text(&out, example()); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/score.txt", out.Bytes())
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, example()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/mutants.json", text)
}

func TestStatus(t *testing.T) {
	with := func(outcomes ...Outcome) *Score {
		s := &Score{}
		for _, o := range outcomes {
			s.Mutants = append(s.Mutants, Mutant{Outcome: o})
		}
		return s
	}
	for _, tt := range []struct {
		name string
		s    *Score
		want int
	}{
		{"all killed", with(Killed, NotApplicable, Equivalent), Good},
		{"one survived", with(Killed, Unknown, Survived), Survivors},
		{"one unknown", with(Killed, Unknown), Incomplete},
		{"one refused", &Score{Mutants: []Mutant{{Outcome: NotApplicable, Refused: true}}}, Incomplete},
		{"interrupted", &Score{Incomplete: "interrupted"}, Incomplete},
		{"survived before the interruption", &Score{Incomplete: "interrupted", Mutants: []Mutant{{Outcome: Survived}}}, Survivors},
	} {
		if got := tt.s.Status(); got != tt.want {
			t.Errorf("%s: status %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestKillsOf(t *testing.T) {
	failed := verdict.Case{Name: "a", Verdict: verdict.Fail, Oracle: verdict.Log, Reason: "WARNING"}
	others := []verdict.Case{{Name: "b", Verdict: verdict.Known}, {Name: "c", Verdict: verdict.Unknown}, {Name: "d", Verdict: verdict.Pass}}
	boot := func(ended string) []result.Boot { return []result.Boot{{Ended: "exit"}, {Ended: ended}} }
	for _, tt := range []struct {
		name string
		run  result.Run
		want []Kill
	}{
		{"a failure", result.Run{Cases: append([]verdict.Case{failed}, others...)}, []Kill{{verdict.Log, "a", "WARNING"}}},
		{"none", result.Run{Cases: others}, nil},
		{"a failure before the death", result.Run{Cases: []verdict.Case{failed}, Incomplete: "x", Boots: boot("panic")}, []Kill{{verdict.Log, "a", "WARNING"}}},
		{"a death between cases", result.Run{Cases: others, Incomplete: "x", Boots: boot("panic")}, []Kill{{verdict.Guest, "", "panic"}}},
		{"a death that is a known issue", result.Run{Cases: others, Boots: boot("panic")}, nil},
		{"interrupted", result.Run{Cases: others, Incomplete: "x", Boots: boot("interrupted")}, nil},
		{"spoiled", result.Run{Cases: others, Incomplete: "x", Boots: boot("spoiled by TestA")}, nil},
	} {
		if diff := cmp.Diff(tt.want, KillsOf(&tt.run)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestStrike(t *testing.T) {
	s := example()
	second := Kill{verdict.Log, "TestRace/bond/dump", "WARNING"}
	s.Mutants[0].Kills = append(s.Mutants[0].Kills, second)
	s.Control.Failed = []Kill{{verdict.Kmemleak, "TestLifeCycle/ifb/create-delete", "leak of 64 bytes"}}
	s.Strike()
	if m := s.Mutants[0]; m.Outcome != Killed || *m.Kill != second {
		t.Errorf("with a second kill: %+v", m)
	}
	s.Control.Failed = append(s.Control.Failed, second)
	s.Strike()
	if m := s.Mutants[0]; m.Outcome != Unknown || m.Kill != nil || m.Why != "TestRace/bond/dump fails with every mutant off, too: WARNING" {
		t.Errorf("with no other kill: %+v", m)
	}
	if m := s.Mutants[1]; m.Outcome != Killed {
		t.Errorf("another mutant: %+v", m)
	}
}
