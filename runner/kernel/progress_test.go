package kernel

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReporter(t *testing.T) {
	var got []Progress
	r := &reporter{to: func(p Progress) { got = append(got, p) }}
	r.step(StepDownload, "a.deb", 10, false)
	r.done(12, "")
	r.step(StepCompile, "linux", 2, true)
	r.done(1, "a.o")
	r.done(3, "b.o")
	want := []Progress{
		{Step: StepDownload, Detail: "a.deb", Total: 10},
		{Step: StepDownload, Detail: "a.deb", Done: 12, Total: 10},
		{Step: StepCompile, Detail: "linux", Total: 2, Estimated: true},
		{Step: StepCompile, Detail: "a.o", Done: 1, Total: 2, Estimated: true},
		{Step: StepCompile, Detail: "b.o", Done: 3, Total: 3, Estimated: true},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(Progress{}, "Elapsed")); d != "" {
		t.Errorf("reports (-want +got):\n%s", d)
	}
}

func TestForetold(t *testing.T) {
	type kernel struct {
		line, profile string
		steps         int64
	}
	tests := []struct {
		name    string
		resumed bool
		cached  []kernel // oldest first
		want    int64
	}{
		{"nothing built", false, nil, firstBuildSteps},
		{"resumed", true, []kernel{{"6.12", "leak", 100}}, 0},
		{"the same line, last", false, []kernel{{"6.12", "leak", 100}, {"6.12", "leak", 110}, {"6.1", "leak", 200}}, 110},
		{"another line, last", false, []kernel{{"6.1", "leak", 200}, {"7.3", "leak", 210}}, 210},
		{"another profile", false, []kernel{{"6.12", "san", 900}}, firstBuildSteps},
		{"built in parts", false, []kernel{{"6.12", "leak", 0}}, firstBuildSteps},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := testGetter(t, "")
			for i, k := range tt.cached {
				dir := filepath.Join(g.cache, "kernels", fmt.Sprint(i))
				write(t, filepath.Join(dir, "x"), "", 0o600)
				e := entry{Kernel: Kernel{Line: k.line, Profile: k.profile}, Steps: k.steps, Built: time.Unix(int64(i), 0)}
				if err := writeJSON(filepath.Join(dir, entryFile), e); err != nil {
					t.Fatal(err)
				}
			}
			b := &build{getter: g, resumed: tt.resumed, kernel: Kernel{Line: "6.12", Profile: "leak"}}
			if got := b.foretold(); got != tt.want {
				t.Errorf("%d steps, want %d", got, tt.want)
			}
		})
	}
}
