package suite

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"netdev.test/teardown/runner/gotest"
)

// FlagError says that an argument of the test binary cannot be heeded.
type FlagError struct {
	Flag string // as go test knows it: -cpuprofile
	Why  string
}

// Error names the flag and why it cannot be used.
func (e *FlagError) Error() string { return e.Flag + ": " + e.Why }

// treatment says what becomes of a flag of the test binary.
type treatment int

const (
	pass   treatment = iota // the guest gets it as it is
	host                    // the host heeds it, the guest does not get it
	drop                    // it means nothing to either
	refuse                  // it is an error unless its value is the default
)

// flagRule is what becomes of one flag.
type flagRule struct {
	what treatment
	bool bool   // it may stand without a value
	why  string // for people, of what is refused
	own  bool   // it is the suite's own, and so has no "test." before it
}

const lost = "its file would be written inside the guest, and be lost with it"

// flags are all flags of a Go 1.26 test binary (testing.Init,
// initBenchmarkFlags, initFuzzFlags), without "test.".
var flags = map[string]flagRule{
	"run":      {what: pass},
	"skip":     {what: pass},
	"fullpath": {what: pass, bool: true},
	// A test that calls os.Exit(0) would look like a guest that is done.
	"paniconexit0": {what: pass, bool: true},

	"count":    {what: host},             // each repetition gets fresh guests
	"failfast": {what: host, bool: true}, // a verdict may come long after the next case began
	"parallel": {what: host},             // all cases of a guest wait for one scan together
	"shuffle":  {what: host},             // all guests must use the same seed
	"timeout":  {what: host},             // a guest that hangs cannot heed it
	"v":        {what: host, bool: true}, // guests are read as test2json, and printed as asked

	"outputdir":            {what: drop}, // only says where files go that are refused here
	"testlogfile":          {what: drop}, // what the guest opens is no input of the host's test cache
	"benchmem":             {what: drop, bool: true},
	"benchtime":            {what: drop},
	"blockprofilerate":     {what: drop},
	"memprofilerate":       {what: drop},
	"mutexprofilefraction": {what: drop},
	"gocoverdir":           {what: drop}, // package tests has no code to cover but its tests
	"fuzzcachedir":         {what: drop},
	"fuzzminimizetime":     {what: drop},
	"fuzztime":             {what: drop},

	"exhaustive": {what: pass, bool: true, own: true},

	"artifacts":    {what: refuse, bool: true, why: lost},
	"blockprofile": {what: refuse, why: lost},
	"coverprofile": {what: refuse, why: lost},
	"cpuprofile":   {what: refuse, why: lost},
	"memprofile":   {what: refuse, why: lost},
	"mutexprofile": {what: refuse, why: lost},
	"trace":        {what: refuse, why: lost},
	"bench":        {what: refuse, why: "benchmarks do not run in the guest"},
	"cpu":          {what: refuse, why: "a guest has one processor"},
	"fuzz":         {what: refuse, why: "fuzzing does not run in the guest"},
	"fuzzworker":   {what: refuse, bool: true, why: "fuzzing does not run in the guest"},
	"list":         {what: refuse, why: "a list is made on the host, without a guest"},
	"short":        {what: refuse, bool: true, why: "without a guest there is nothing to run here"},
}

// plan is what the arguments ask for.
type plan struct {
	mode     gotest.Mode
	count    int
	failfast bool
	timeout  time.Duration // 0 for none
	filter   string        // the arguments that select tests, for people
	narrow   bool          // the filter may leave very few cases
	guest    []string      // arguments of the test binary in the guest
}

// parseArgs makes a plan of the test binary's arguments.
func parseArgs(args []string) (*plan, error) {
	p := &plan{count: 1, guest: []string{
		"-test.v=test2json",
		"-test.timeout=0",
		"-test.parallel=4096",
	}}
	for len(args) > 0 {
		name, value, rest, err := nextFlag(args)
		if err != nil {
			return nil, err
		}
		args = rest
		rule := flags[name]
		switch {
		case rule.what == pass:
			err = p.pass(name, value)
		case rule.what == host:
			err = p.heed(name, value)
		case rule.what == refuse && !isDefault(value):
			err = fmt.Errorf("not supported: %s", rule.why)
		}
		if err != nil {
			return nil, &FlagError{"-" + name, err.Error()}
		}
	}
	return p, nil
}

// OwnFlag reports whether the flag, given without dashes and perhaps with a value,
// is one of the suite, and not of package testing.
func OwnFlag(flag string) bool {
	name, _, _ := strings.Cut(flag, "=")
	return flags[name].own
}

// nextFlag takes the first flag from args, by the rules of package flag.
func nextFlag(args []string) (name, value string, rest []string, err error) {
	arg := args[0]
	name, ok := strings.CutPrefix(arg, "-")
	name, testing := strings.CutPrefix(strings.TrimPrefix(name, "-"), "test.")
	name, value, valued := strings.Cut(name, "=")
	rule, known := flags[name]
	switch {
	case !ok || !known || testing == rule.own:
		return "", "", nil, &FlagError{arg, "not a flag of go test"}
	case valued:
		return name, value, args[1:], nil
	case rule.bool:
		return name, "true", args[1:], nil
	case len(args) == 1:
		return "", "", nil, &FlagError{"-" + name, "needs a value"}
	}
	return name, args[1], args[2:], nil
}

// isDefault reports whether the value asks for nothing.
func isDefault(value string) bool { return slices.Contains([]string{"", "false"}, value) }

// pass hands a flag to the guest.
func (p *plan) pass(name, value string) error {
	if name == "run" || name == "skip" {
		if _, err := regexp.Compile(value); err != nil {
			return err
		}
		if value != "" {
			p.filter = strings.TrimPrefix(p.filter+" -"+name+" "+strconv.Quote(value), " ")
			p.narrow = p.narrow || name == "run" && strings.Contains(value, "/")
		}
	}
	if flags[name].own {
		p.guest = append(p.guest, "-"+name+"="+value)
		return nil
	}
	p.guest = append(p.guest, "-test."+name+"="+value)
	return nil
}

// heed acts on a flag that is the host's business.
func (p *plan) heed(name, value string) (err error) {
	switch name {
	case "v":
		p.mode, err = gotest.ParseMode(value)
	case "count":
		if p.count, err = strconv.Atoi(value); err == nil && p.count < 1 {
			err = fmt.Errorf("%d times is never", p.count)
		}
	case "failfast":
		p.failfast, err = strconv.ParseBool(value)
	case "timeout":
		p.timeout, err = time.ParseDuration(value)
	case "parallel":
		_, err = strconv.ParseUint(value, 10, 31)
	case "shuffle":
		err = p.shuffle(value)
	}
	return err
}

// shuffle has all guests shuffle the tests in the same way.
func (p *plan) shuffle(value string) error {
	switch value {
	case "off":
		return nil
	case "on":
		value = strconv.FormatInt(time.Now().UnixNano(), 10)
	default:
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return fmt.Errorf("%q is not off, on or a number", value)
		}
	}
	p.guest = append(p.guest, "-test.shuffle="+value)
	return nil
}
