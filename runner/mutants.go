package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"netdev.test/teardown/kconfigs"
	"netdev.test/teardown/runner/host"
	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/mutant"
	"netdev.test/teardown/runner/score"
	"netdev.test/teardown/runner/suite"
	"netdev.test/teardown/runner/vm"
)

// mutantFlags are the flags of "mutants".
type mutantFlags struct {
	line     string
	file     string
	filter   string
	out      string
	accel    string
	vms      int
	all      bool
	suspects bool
	update   bool
}

const mutantsAbout = `Put bugs into a kernel, one at a time, and see whether the suite finds them.

The mutants are in tests/mutants: most of them undo a fix. All that apply to the
kernel line are compiled into one kernel, each behind a switch on the kernel's
command line (teardown.mutant=K04). So there is one build for a line, of which
only the files that changed are built again, and a boot for each mutant. The few
where no switch can stand, outside of functions, have a kernel each.

A mutant is tried with the cases that its entry names, then with those of the
kinds of devices that it is about, then with all others, until one fails: then it
is killed. Known issues of the line stay tolerated. A guest that dies or hangs is
a kill by the oracle "guest". In the end the cases that killed are run once more
with every mutant off; one that fails then has killed nothing.

Each row of the table says killed, survived, not-applicable or equivalent, or
unknown when the mutant was not seen to the end.

To add one: an entry in tests/mutants, or a FILE of your own in the same format,
or a table with the columns id, file, function, anchor_regex and edit, separated
by tabs (see README.md, "Mutation score").`

const mutantsStatuses = `Exit status: 0 every mutant that applies and is not equivalent was killed; 1 some
survived; 2 usage or environment; 3 some were not scored.`

const mutantsExamples = `  # The score of the suite on a line
  go run ./runner mutants -y --kernel 6.12

  # Two mutants, and everything that they break
  go run ./runner mutants --kernel 6.12 --all K04 K05

  # A bug that you just fixed
  go run ./runner mutants --kernel 7.3 --file my-bug.toml

  # A mutant as a patch
  go run ./runner mutants show K04 --kernel 7.3`

func newMutants() *cobra.Command {
	var f mutantFlags
	c := &cobra.Command{
		Use:     "mutants [flags] [ID...]",
		Short:   "Put known bugs into a kernel, and see whether the suite finds them",
		Long:    mutantsAbout + "\n\n" + mutantsStatuses,
		Example: mutantsExamples,
		RunE:    func(c *cobra.Command, ids []string) error { return f.run(c, ids) },
	}
	flags := c.Flags()
	f.common(c)
	flags.StringVar(&f.filter, "run", "", "try only the cases that match `REGEXP`, as go test -run does: a mutant that they do not kill is unknown")
	flags.StringVar(&f.out, "out", "", "`DIR` for "+score.JSONFile+" and the results of the guests (default: a new one under runs/ in the cache)")
	flags.StringVar(&f.accel, "accel", "auto", "what executes the guest: auto, kvm or tcg")
	flags.IntVar(&f.vms, "vms", 0, "`N` mutants at a time, a guest each (default: one per CPU, at most 2)")
	flags.BoolVar(&f.all, "all", false, "run the whole suite on each mutant, and list all that it kills by")
	flags.BoolVar(&f.suspects, "suspects", false, "leave out the last of these rounds, all other cases: minutes for each mutant that survives")
	c.MarkFlagsMutuallyExclusive("run", "all", "suspects")
	flags.BoolVar(&f.update, "update", false, "look for a newer source of the line even if one is in the cache")
	addYes(c)
	c.AddCommand(newMutantsShow(), newMutantsList())
	return c
}

// common adds the flags that say which mutants, and on which line.
func (f *mutantFlags) common(c *cobra.Command) {
	c.Flags().StringVar(&f.line, "kernel", "", "kernel `LINE` by number: "+lineNames()+" (default: the newest long-term line)")
	c.Flags().StringVar(&f.file, "file", "", "the mutants in `FILE`, TOML or a table, instead of those in "+mutant.Folder)
	completeList(c, "kernel", names(kconfigs.Lines, func(l kconfigs.Line) string { return l.Name }))
}

func newMutantsShow() *cobra.Command {
	var f mutantFlags
	c := &cobra.Command{
		Use:     "show ID...",
		Short:   "Print mutants as unified diffs",
		Example: "  go run ./runner mutants show K04 --kernel 7.3",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, ids []string) error {
			w, set, line, err := f.open(c, ids)
			if err != nil {
				return err
			}
			defer w.display.Close()
			tree, err := w.source(c.Context(), line)
			if err != nil {
				return err
			}
			for _, id := range ids {
				m, _ := set.Find(id)
				text, err := m.Diff(os.DirFS(tree), line)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(c.OutOrStdout(), "%s: %s\n%s\n%s", m.ID, m.Subject, m.Mechanism, text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.common(c)
	addYes(c)
	return c
}

func newMutantsList() *cobra.Command {
	var f mutantFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List the mutants, and the kernels that they are for",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, set, _, err := f.open(c, nil)
			if err != nil {
				return err
			}
			defer w.display.Close()
			tw := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(tw, "MUTANT\tCOMMIT\tKERNELS\tFILE\tMECHANISM")
			for _, m := range set {
				if f.line != "" && !m.Applies(f.line) {
					continue
				}
				kernels := cmp.Or(strings.Join(m.Kernels, " | "), "all")
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", m.ID, strings.Join(m.Commit, "+"), kernels, strings.Join(m.Files(), " "), m.Mechanism)
			}
			return tw.Flush()
		},
	}
	f.common(c)
	return c
}

// open reads the mutants, of which those with the ids must be some, and chooses
// the kernel line.
func (f *mutantFlags) open(c *cobra.Command, ids []string) (*work, mutant.Set, string, error) {
	line := f.line
	if _, err := kconfigs.FindLine(line); line != "" && err != nil {
		return nil, nil, "", usage(c, err)
	}
	w, err := newWork(c)
	if err != nil {
		return nil, nil, "", err
	}
	set, err := w.mutants(f.file)
	if err == nil && line == "" {
		line, err = newestLongterm()
	}
	if err == nil {
		err = known(set, ids)
		if err != nil {
			err = usage(c, err)
		}
	}
	if err != nil {
		w.display.Close()
		return nil, nil, "", err
	}
	return w, set, line, nil
}

// newestLongterm is the line that is meant when none is given.
func newestLongterm() (string, error) {
	lines, err := kconfigs.Lines()
	if err != nil {
		return "", err
	}
	for _, l := range slices.Backward(lines) {
		if l.Longterm {
			return l.Name, nil
		}
	}
	return "", fmt.Errorf("no kernel line is a long-term one: give one with --kernel")
}

// known checks that all ids are of the set.
func known(set mutant.Set, ids []string) error {
	for i, id := range ids {
		if _, ok := set.Find(id); !ok {
			return fmt.Errorf("no mutant %q: \"mutants list\" lists them", id)
		}
		if slices.Contains(ids[:i], id) {
			return fmt.Errorf("mutant %s is given twice", id)
		}
	}
	return nil
}

// mutants reads the mutants of the project, or those in the file.
func (w *work) mutants(file string) (mutant.Set, error) {
	if file == "" {
		return mutant.Load(os.DirFS(filepath.Join(w.root, mutant.Folder)))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--file: %w", err)
	}
	return mutant.ParseFile(file, text)
}

// source returns the folder of the unpacked source of a kernel line.
func (w *work) source(ctx context.Context, line string) (string, error) {
	if tree, ok := kernel.CachedSource(w.cache, line); ok {
		return tree, nil
	}
	if err := w.ensure(ctx, host.Build|host.Fetch); err != nil {
		return "", err
	}
	w.display.Phase("source of kernel " + line)
	return kernel.Source(ctx, line, kernel.Options{CacheDir: w.cache, Progress: w.building})
}

func (f *mutantFlags) run(c *cobra.Command, ids []string) error {
	accel, err := parseAccel(f.accel)
	if err != nil {
		return usage(c, err)
	}
	if f.vms < 0 {
		return usage(c, fmt.Errorf("--vms %d: give a number of guests", f.vms))
	}
	if _, err := regexp.Compile(f.filter); err != nil {
		return usage(c, fmt.Errorf("--run: %w", err))
	}
	w, set, line, err := f.open(c, ids)
	if err != nil {
		return err
	}
	defer w.display.Close()
	ctx := c.Context()
	if err := w.ensure(ctx, host.Boot|host.Build|host.Fetch); err != nil {
		return err
	}
	s := &scoring{work: w, flags: f, set: set, line: line, ids: ids, start: suite.Run}
	if err := s.prepare(ctx, accel); err != nil {
		return err
	}
	defer s.remove()
	result := s.all(ctx)
	if err := score.Write(s.out, result); err != nil {
		return err
	}
	if err := score.Text(w.display.Above(os.Stdout), result); err != nil {
		return fmt.Errorf("print the score: %w", err)
	}
	fmt.Fprintf(w.display.Above(os.Stderr), "results: %s\n", s.out)
	if s.broken != nil {
		return s.broken
	}
	if status := result.Status(); status != score.Good {
		return statusError(status)
	}
	return nil
}

// mutated gets the kernel of the line with the mutants in it that have switches. A
// mutant with which the source does not compile is left out, and the reason kept.
func (s *scoring) mutated(ctx context.Context) (kernel.Kernel, error) {
	s.refused = map[string]error{}
	for {
		s.display.Phase("kernel " + s.line + " with mutants")
		k, schemata, err := s.build(ctx, s.set.Switched().Without(s.refused))
		if err == nil {
			return k, nil
		}
		guilty := schemata.Guilty(err)
		if len(guilty) == 0 {
			return kernel.Kernel{}, err
		}
		for _, id := range guilty {
			s.refused[id] = fmt.Errorf("cannot be applied: it does not compile: %w", err)
		}
	}
}

// build gets a kernel of the line with the mutants in it. Those that find no place are
// refused.
func (s *scoring) build(ctx context.Context, set mutant.Set) (kernel.Kernel, *mutant.Schemata, error) {
	var schemata *mutant.Schemata
	r := kernel.Request{Line: s.line, Update: s.flags.update}
	r.Mutate = func(tree fs.FS, version string) (kernel.Mutants, error) {
		var err error
		if schemata, err = set.Apply(tree, version); err != nil {
			return kernel.Mutants{}, err
		}
		if len(set) == 1 && set[0].Alone() && schemata.Refused[set[0].ID] != nil { // nothing is left to build
			return kernel.Mutants{}, schemata.Refused[set[0].ID]
		}
		return kernel.Mutants{Edited: schemata.In, Files: schemata.Files}, nil
	}
	k, err := kernel.Get(ctx, r, kernel.Options{CacheDir: s.cache, Progress: s.building})
	if schemata != nil {
		maps.Copy(s.refused, schemata.Refused)
	}
	return k, schemata, err
}

// single gets a kernel for each mutant that is wanted and needs one of its own.
func (s *scoring) single(ctx context.Context, l suite.Launch) error {
	s.own = map[string]suite.Config{}
	for i := range s.set {
		m := &s.set[i]
		if !m.Alone() || !s.wants(m) || !m.Applies(l.Kernel.Release) || m.EquivalentOn(l.Kernel.Release) != "" {
			continue
		}
		s.display.Phase("kernel " + s.line + " with mutant " + m.ID)
		k, schemata, err := s.build(ctx, s.set[i:i+1])
		var broken *kernel.BuildError
		switch {
		case s.refused[m.ID] != nil:
			continue
		case errors.As(err, &broken) && slices.ContainsFunc(schemata.In[m.ID], func(file string) bool { return strings.Contains(broken.First, file) }):
			s.refused[m.ID] = fmt.Errorf("cannot be applied: it does not compile: %w", err)
			continue
		case err != nil:
			return err
		}
		l.Kernel = k
		if s.own[m.ID], err = l.Prepare(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare gets everything that the guests need.
func (s *scoring) prepare(ctx context.Context, accel vm.Accel) error {
	issues, err := s.issues()
	if err != nil {
		return err
	}
	k, err := s.mutated(ctx)
	if err != nil {
		return err
	}
	binary, _, remove, err := s.compile(ctx)
	if err != nil {
		return err
	}
	s.remove = remove
	if s.out = s.flags.out; s.out == "" {
		if s.out, err = suite.NewOut(s.cache, suite.Label(k)+"-mutants"); err != nil {
			return err
		}
	}
	l := suite.Launch{
		Binary: binary, Kernel: k, Accel: accel, VMs: 1, Issues: issues,
		Command: commandLine(), Cache: s.cache,
		Say: func(text string) { fmt.Fprintln(s.display.Above(os.Stderr), text) },
	}
	if s.config, err = l.Prepare(ctx); err != nil {
		return err
	}
	return s.single(ctx, l)
}

// switchedOn reports whether the consoles of a run tell that the kernel took the
// mutant's switch.
func switchedOn(folder, id string) (bool, error) {
	consoles, err := filepath.Glob(filepath.Join(folder, "console-*.log"))
	if err != nil {
		return false, err
	}
	for _, file := range consoles {
		text, err := os.ReadFile(file)
		if err != nil {
			return false, err
		}
		if !bytes.Contains(text, []byte(mutant.Evidence(id))) {
			return false, nil
		}
	}
	return len(consoles) > 0, nil
}
