package suite

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/runner/gotest"
)

func TestParseArgs(t *testing.T) {
	tests := []struct {
		args  string // separated by spaces
		want  plan
		guest string // what the guest gets in addition
	}{
		{"", plan{count: 1}, ""},
		// What go test passes when nothing is asked for.
		{"-test.paniconexit0 -test.timeout=10m0s", plan{count: 1, timeout: 10 * time.Minute}, "-test.paniconexit0=true"},
		{"-test.v=test2json -test.testlogfile=/tmp/log -test.outputdir=/tmp", plan{count: 1, mode: gotest.JSON}, ""},
		{"-test.v", plan{count: 1, mode: gotest.Verbose}, ""},
		{"--test.v=true -test.run TestA", plan{count: 1, mode: gotest.Verbose, filter: `-run "TestA"`}, "-test.run=TestA"},
		{"-test.run=TestA/bond/E8 -test.skip=fail-nth", plan{count: 1, narrow: true, filter: `-run "TestA/bond/E8" -skip "fail-nth"`},
			"-test.run=TestA/bond/E8 -test.skip=fail-nth"},
		{"-exhaustive -test.fullpath", plan{count: 1}, "-exhaustive=true -test.fullpath=true"},
		{"-test.skip=a/b", plan{count: 1, filter: `-skip "a/b"`}, "-test.skip=a/b"},
		{"-test.count=7 -test.failfast -test.parallel=1", plan{count: 7, failfast: true}, ""},
		{"-test.shuffle=42 -test.fullpath", plan{count: 1}, "-test.shuffle=42 -test.fullpath=true"},
		{"-test.shuffle=off -test.short=false -test.bench= -test.benchmem", plan{count: 1}, ""},
	}
	for _, test := range tests {
		got, err := parseArgs(strings.Fields(test.args))
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		test.want.guest = append(strings.Fields("-test.v=test2json -test.timeout=0 -test.parallel=4096"), strings.Fields(test.guest)...)
		if diff := cmp.Diff(&test.want, got, cmp.AllowUnexported(plan{})); diff != "" {
			t.Errorf("%q: want (-), got (+):\n%s", test.args, diff)
		}
	}
}

func TestParseArgsShufflesAlike(t *testing.T) {
	p, err := parseArgs([]string{"-test.shuffle=on"})
	if err != nil {
		t.Fatal(err)
	}
	last := p.guest[len(p.guest)-1]
	if seed, ok := strings.CutPrefix(last, "-test.shuffle="); !ok || seed == "on" || seed == "" {
		t.Errorf("guests get %q", last)
	}
}

func TestParseArgsErrors(t *testing.T) {
	tests := []struct{ args, want string }{
		{"-test.cpuprofile=c", "-cpuprofile: not supported: " + lost},
		{"-test.coverprofile=c", "-coverprofile: not supported: " + lost},
		{"-test.trace t", "-trace: not supported: " + lost},
		{"-test.bench=.", "-bench: not supported: benchmarks do not run in the guest"},
		{"-test.fuzz=F", "-fuzz: not supported: fuzzing does not run in the guest"},
		{"-test.cpu=1,2", "-cpu: not supported: a guest has one processor"},
		{"-test.list=.", "-list: not supported: a list is made on the host, without a guest"},
		{"-test.short", "-short: not supported: without a guest there is nothing to run here"},
		{"-test.run=a(", "-run: error parsing regexp: missing closing ): `a(`"},
		{"-test.run", "-run: needs a value"},
		{"-test.count=0", "-count: 0 times is never"},
		{"-test.count=x", `-count: strconv.Atoi: parsing "x": invalid syntax`},
		{"-test.timeout=1", `-timeout: time: missing unit in duration "1"`},
		{"-test.shuffle=x", `-shuffle: "x" is not off, on or a number`},
		{"-test.v=loud", `-v: invalid value "loud" for -test.v`},
		{"-test.walk", "-test.walk: not a flag of go test"},
		{"-test.exhaustive", "-test.exhaustive: not a flag of go test"},
		{"-run=x", "-run=x: not a flag of go test"},
		{"word", "word: not a flag of go test"},
	}
	for _, test := range tests {
		_, err := parseArgs(strings.Fields(test.args))
		if err == nil || err.Error() != test.want {
			t.Errorf("%q: error %v, want %s", test.args, err, test.want)
		}
	}
}

// TestFlagsAreThoseOfGo: no flag of the Go that runs the tests is missing from
// the table, and that its flags, but for the suite's own, are those of this test
// binary.
func TestFlagsAreThoseOfGo(t *testing.T) {
	for name := range goFlags() {
		if _, ok := flags[name]; !ok {
			t.Errorf("-%s is a flag of go test, and nothing says what becomes of it", name)
		}
	}
	for name, rule := range flags {
		if !rule.own && !goFlags()[name] {
			t.Errorf("-%s is no flag of go test", name)
		}
	}
}

// goFlags returns the names of this test binary's flags, without "test.".
func goFlags() map[string]bool {
	names := map[string]bool{}
	flag.VisitAll(func(f *flag.Flag) {
		if name, ok := strings.CutPrefix(f.Name, "test."); ok {
			names[name] = true
		}
	})
	return names
}
