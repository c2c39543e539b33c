package result

import (
	"fmt"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"netdev.test/teardown/initramfs/verdict"
)

// junitReport returns the run as JUnit knows it. A failed case is a failure, an
// unknown one an error. A known issue is skipped with its name, because JUnit
// has no verdict for it and it must not look like a pass. What makes a run
// incomplete is an error of its own.
func junitReport(run *Run) junit.Testsuites {
	suite := junit.Testsuite{Name: line("teardown " + run.Kernel.Release), Time: junitTime(run.Seconds)}
	if !run.Started.IsZero() {
		suite.SetTimestamp(run.Started.UTC())
	}
	for _, p := range []struct{ name, value string }{
		{"kernel.release", run.Kernel.Release},
		{"kernel.source", run.Kernel.Source},
		{"kernel.profile", run.Kernel.Profile},
		{"kernel.config_hash", run.Kernel.ConfigHash},
		{"host.accelerator", run.Host.Accelerator},
		{"host.qemu", run.Host.QEMU},
		{"tool.version", run.Tool.Version},
	} {
		suite.AddProperty(p.name, line(p.value))
	}
	for _, o := range oracles([]*Run{run}) {
		if w, why := run.watch(o); w != unplanted {
			suite.AddProperty(line("oracle."+string(o)), because(string(w), line(why)))
		}
	}
	for i := range run.Cases {
		suite.AddTestcase(junitCase(run, &run.Cases[i]))
	}
	for _, m := range run.unseen() {
		suite.AddTestcase(junitError(fmt.Sprintf("control of %s in boot %d", m.Oracle, m.boot),
			"the oracle did not see what was planted for it", m.Detail))
	}
	if why := run.incomplete(); why != "" {
		suite.AddTestcase(junitError("complete", "incomplete: "+why, ""))
	}
	all := junit.Testsuites{Name: "teardown", Time: suite.Time}
	all.AddSuite(suite)
	return all
}

// junitCase returns one case; its class is its top-level test.
func junitCase(run *Run, c *verdict.Case) junit.Testcase {
	test, name, sub := strings.Cut(line(c.Name), "/")
	if !sub {
		name = test
	}
	tc := junit.Testcase{Classname: test, Name: name, Time: junitTime(c.Seconds)}
	res := &junit.Result{Message: line(c.Reason), Type: line(string(c.Oracle)), Data: junitEvidence(run, c)}
	switch verdictOf(c) {
	case verdict.Fail:
		tc.Failure = res
	case verdict.Unknown:
		tc.Error = res
	case verdict.Known, verdict.Skip:
		tc.Skipped = res
	}
	return tc
}

func junitError(name, message, data string) junit.Testcase {
	return junit.Testcase{
		Classname: "run", Name: line(name), Time: junitTime(0),
		Error: &junit.Result{Message: line(message), Data: clean(data)},
	}
}

// junitEvidence returns all that the oracles said about c.
func junitEvidence(run *Run, c *verdict.Case) string {
	var b strings.Builder
	for _, s := range append(statements(c.Evidence), statements(c.Blind)...) {
		fmt.Fprintln(&b, s.headline())
		if detail := clean(s.Detail); detail != "" {
			fmt.Fprintln(&b, strings.TrimRight(detail, "\n"))
		}
	}
	if v := verdictOf(c); v != verdict.Skip && v != verdict.Pass {
		fmt.Fprintf(&b, "repeat: %s\n", run.repeat(c))
	}
	return b.String()
}

func junitTime(seconds float64) string { return fmt.Sprintf("%.3f", seconds) }
