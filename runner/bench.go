package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/host"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/suite"
	"netdev.test/teardown/runner/vm"
)

const benchAbout = `Show where the time goes: the median of each phase over several runs, of one
case and of the whole suite, with warm caches.

Phases inside guests are summed over the guests of a run; the total is what a
clock on the wall shows.`

const benchExamples = `  go run ./runner bench -y
  go run ./runner bench --runs 5 --kernel 6.12 --json
  go run ./runner bench --case '^TestLifeCycle$/^dummy$'`

// benchFlags are the flags of "bench".
type benchFlags struct {
	target
	runs  int
	one   string
	json  bool
	accel string
	vms   int
}

func newBench() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use:     "bench",
		Short:   "Show where the time goes, as medians over runs",
		Long:    benchAbout,
		Example: benchExamples,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.flags(c)
	fs := c.Flags()
	fs.IntVar(&f.runs, "runs", 3, "`N` runs of each")
	fs.StringVar(&f.one, "case", "", "`REGEXP` of the one case (default: the first that passes)")
	fs.BoolVar(&f.json, "json", false, "print JSON")
	fs.StringVar(&f.accel, "accel", "auto", "what executes the guest: auto, kvm or tcg")
	fs.IntVar(&f.vms, "vms", 0, "`N` guests at a time (default: one per CPU, at most 2)")
	addYes(c)
	return c
}

func (f *benchFlags) run(c *cobra.Command) error {
	accel, err := parseAccel(f.accel)
	if err != nil {
		return usage(c, err)
	}
	requests, err := f.requests()
	if err != nil {
		return usage(c, err)
	}
	if f.runs < 1 || f.vms < 0 || len(requests) > 1 {
		return usage(c, fmt.Errorf("give at least one run, one kernel in one profile and a number of guests"))
	}
	w, err := newWork(c)
	if err != nil {
		return err
	}
	defer w.display.Close()
	ctx := c.Context()
	if err := w.ensure(ctx, host.Boot|f.need()); err != nil {
		return err
	}
	b := &bench{work: w, runs: f.runs, one: f.one, accel: accel, vms: f.vms}
	if b.kern, err = w.kernel(ctx, requests[0]); err != nil {
		return err
	}
	if b.known, err = w.issues(); err != nil {
		return err
	}
	report, err := b.measure(ctx)
	if err != nil {
		return err
	}
	w.display.Close()
	if f.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return report.print(os.Stdout)
}

// bench makes the runs.
type bench struct {
	*work
	runs  int
	one   string // regular expression of the one case
	kern  kernel.Kernel
	known verdict.Issues
	accel vm.Accel
	vms   int
}

// benchReport is the outcome of "bench". Times are medians, in seconds.
type benchReport struct {
	Release     string     `json:"release"`
	Accelerator string     `json:"accelerator"`
	CPUs        int        `json:"cpus"`
	Runs        int        `json:"runs"`
	OneCase     benchTimes `json:"one_case"`
	Suite       benchTimes `json:"suite"`
}

// benchTimes are the times of one selection of cases.
type benchTimes struct {
	Filter string         `json:"filter"` // as --run takes it, empty for all
	Cases  int            `json:"cases"`
	Phases []result.Phase `json:"phases"`
	Total  float64        `json:"total"`
}

// measure makes all runs. The first run of the suite only warms the caches; it
// also shows which cases there are.
func (b *bench) measure(ctx context.Context) (*benchReport, error) {
	first, err := b.once(ctx, "warm up", "")
	if err != nil {
		return nil, err
	}
	if b.one == "" {
		i := slices.IndexFunc(first.Cases, func(c verdict.Case) bool { return c.Verdict == verdict.Pass })
		if i < 0 {
			return nil, fmt.Errorf("no case passes on %s: choose one with --case", b.kern.Release)
		}
		b.one = exactly(first.Cases[i].Name)
	}
	r := &benchReport{
		Release: b.kern.Release, Accelerator: first.Host.Accelerator, CPUs: first.Host.CPUs, Runs: b.runs,
	}
	if r.OneCase, err = b.times(ctx, "one case", b.one); err != nil {
		return nil, err
	}
	r.Suite, err = b.times(ctx, "suite", "")
	return r, err
}

// times runs the cases that the filter selects and returns the medians.
func (b *bench) times(ctx context.Context, label, filter string) (benchTimes, error) {
	var all []*result.Run
	for i := range b.runs {
		run, err := b.once(ctx, fmt.Sprintf("%s, run %d of %d", label, i+1, b.runs), filter)
		if err != nil {
			return benchTimes{}, err
		}
		all = append(all, run)
	}
	return medians(filter, all), nil
}

// once makes one run, compiler and image included.
func (b *bench) once(ctx context.Context, label, filter string) (*result.Run, error) {
	binary, compiled, remove, err := b.compile(ctx)
	if err != nil {
		return nil, err
	}
	defer remove()
	b.display.Phase(label)
	args := []string{"-test.v=true"}
	if filter != "" {
		args = append(args, "-test.run="+filter)
	}
	l := suite.Launch{
		Binary: binary, Args: args, Kernel: b.kern, Accel: b.accel, VMs: b.vms,
		Out: filepath.Join(filepath.Dir(binary), "out"), Stdout: io.Discard, Issues: b.known,
		Command: commandLine(), Phases: []result.Phase{compiled}, Cache: b.cache, Progress: b.event,
		Say: func(string) {},
	}
	run, err := l.Run(ctx)
	if err != nil {
		return nil, err
	}
	if run.Incomplete != "" {
		return nil, fmt.Errorf("%s was not complete, its times mean nothing: %s", label, run.Incomplete)
	}
	return run, nil
}

// medians puts runs of the same cases together. The phases are in the order in
// which the runs first show them; one that a run lacks took no time there.
func medians(filter string, runs []*result.Run) benchTimes {
	t := benchTimes{Filter: filter}
	var totals []float64
	seconds := map[string][]float64{}
	var order []string
	for i, r := range runs {
		t.Cases = len(r.Cases)
		total := r.Seconds
		for _, p := range r.Phases {
			if seconds[p.Name] == nil {
				seconds[p.Name] = make([]float64, len(runs))
				order = append(order, p.Name)
			}
			seconds[p.Name][i] += p.Seconds
			if p.Name == "host compile" || p.Name == "image" { // before the run's own clock
				total += p.Seconds
			}
		}
		totals = append(totals, total)
	}
	for _, name := range order {
		t.Phases = append(t.Phases, result.Phase{Name: name, Seconds: median(seconds[name])})
	}
	t.Total = median(totals)
	return t
}

// median is the middle value, between two the mean of both.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	mid := len(v) / 2
	if len(v)%2 == 1 {
		return v[mid]
	}
	return (v[mid-1] + v[mid]) / 2
}

// print writes the report as a table.
func (r *benchReport) print(out io.Writer) error {
	fmt.Fprintf(out, "%s, %s, %d CPUs: seconds, median of runs: %d\n\n", r.Release, r.Accelerator, r.CPUs, r.Runs)
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "phase\tone case\tsuite (%d cases)\t\n", r.Suite.Cases)
	for _, name := range phaseNames(r.OneCase.Phases, r.Suite.Phases) {
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", name, phaseTime(r.OneCase.Phases, name), phaseTime(r.Suite.Phases, name))
	}
	fmt.Fprintf(w, "total\t%.2f\t%.2f\t\n", r.OneCase.Total, r.Suite.Total)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\none case: %s\n", r.OneCase.Filter)
	return err
}

// phaseNames returns the names of all phases, each once.
func phaseNames(lists ...[]result.Phase) []string {
	var names []string
	for _, p := range slices.Concat(lists...) {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// phaseTime is the time of one phase as text, "-" when it did not occur.
func phaseTime(phases []result.Phase, name string) string {
	for _, p := range phases {
		if p.Name == name {
			return fmt.Sprintf("%.2f", p.Seconds)
		}
	}
	return "-"
}
