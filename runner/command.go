package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"netdev.test/teardown/runner/suite"
)

// name is how people start the command.
const name = "go run ./runner"

const about = `teardown boots a Linux kernel under QEMU, makes the registration of every kind
of network device fail at each of its exits, and proves that nothing leaked and
that every unregister path ran to its end.

It needs no set-up: what the machine lacks is installed if you agree, the
kernel is fetched, configured and built, and all of it is kept in a cache
(TEARDOWN_CACHE, by default teardown in your cache folder).`

const examples = `  # The newest long-term kernel, from nothing to a verdict
  go run ./runner run -y

  # Your patch, before you mail it
  go run ./runner run --tree ~/src/linux

  # Two kernel lines, one kind of device
  go run ./runner run --kernel 6.1,6.12 --run '/bond'

  # From then on, like any Go test, on the kernel that was run last
  go test ./tests`

const statuses = `Exit status: 0 everything that was meant to run ran, and passed or is a known
issue; 1 a regression; 2 usage or environment; 3 incomplete or unknown.
("go run" makes 1 of them all and prints the status: in scripts, build the
command first with "go build -o teardown ./runner".)`

// execute runs the command line and returns the exit status.
func execute(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && context.Cause(ctx) == errInterrupted {
		if _, ok := err.(statusError); !ok {
			err = errInterrupted
		}
	}
	if line := message(err); line != "" {
		fmt.Fprintln(os.Stderr, line)
	}
	return statusOf(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "teardown",
		Short:         "Regression tests for how Linux network devices are born, refused and buried",
		Long:          about + "\n\n" + statuses,
		Example:       examples,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: name},
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().BoolP("quiet", "q", false, "show no progress")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(c, err) })
	root.AddCommand(newRun(), newTest(), newReport(), newBench(), newKernel(), newShell(), newCases(), newKinds(), newKnown(), newMutants(), newVersion())
	checkArgs(root)
	return root
}

// checkArgs makes wrong arguments of c and its subcommands usage errors.
func checkArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usage(c, err)
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		checkArgs(sub)
	}
}

// usage makes err a mistake in the command line of c. Only its first line is
// kept: cobra appends suggestions as a list.
func usage(c *cobra.Command, err error) error {
	if first, more, many := strings.Cut(err.Error(), "\n"); many {
		err = fmt.Errorf("%s: %s", first, strings.Join(strings.Fields(more), " "))
	}
	return &usageError{c.CommandPath(), err}
}

// testFlags takes the arguments after "--": flags of the test binary, with or
// without "test." before their names.
func testFlags(c *cobra.Command, args []string) ([]string, error) {
	at := c.ArgsLenAtDash()
	if at < 0 {
		at = len(args)
	}
	if at > 0 {
		return nil, usage(c, fmt.Errorf("unexpected argument %q (flags for the test binary come after --)", args[0]))
	}
	var flags []string
	for _, a := range args[at:] {
		if bare := strings.TrimLeft(a, "-"); bare != a && !strings.HasPrefix(bare, "test.") && !suite.OwnFlag(bare) {
			a = "-test." + bare
		}
		flags = append(flags, a)
	}
	return flags, nil
}
