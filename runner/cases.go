package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
)

const casesAbout = `List the tests of the suite by the names that --run takes.

The cases of a test are its subtests (TestName/kind/exit): which there are
depends on the kernel, and shows when they run.`

func newCases() *cobra.Command {
	return &cobra.Command{
		Use:   "cases [REGEXP]",
		Short: "List the tests of the suite",
		Long:  casesAbout,
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			w, err := newWork(c)
			if err != nil {
				return err
			}
			defer w.display.Close()
			pattern := "."
			if len(args) > 0 {
				pattern = args[0]
			}
			return w.listCases(c, pattern)
		},
	}
}

// listCases prints the names that match the pattern. The test binary makes the
// list on the host.
func (w *work) listCases(c *cobra.Command, pattern string) error {
	ctx := c.Context()
	list := groupCommand(ctx, "go", "test", "-list", pattern, "./tests")
	list.Dir = w.root
	var out strings.Builder
	list.Stdout, list.Stderr = &out, os.Stderr
	if err := groups.run(ctx, list); err != nil {
		if _, ended := errors.AsType[*exec.ExitError](err); ended {
			return fmt.Errorf("the tests cannot be listed: see above")
		}
		return err
	}
	for s := bufio.NewScanner(strings.NewReader(out.String())); s.Scan(); {
		if strings.HasPrefix(s.Text(), "Test") {
			if _, err := fmt.Fprintln(c.OutOrStdout(), s.Text()); err != nil {
				return err
			}
		}
	}
	return nil
}
