package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newKnown() *cobra.Command {
	return &cobra.Command{
		Use:   "known",
		Short: "List the known issues: defects that the suite meets and tolerates",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := newWork(c)
			if err != nil {
				return err
			}
			defer w.display.Close()
			issues, err := w.issues()
			if err != nil {
				return err
			}
			for _, i := range issues {
				_, err := fmt.Fprintf(c.OutOrStdout(), "%s: %s\n    kinds %s, kernels %s, seen by %s\n",
					i.ID, i.Title, strings.Join(i.Kinds, " "), strings.Join(i.Kernels, " or "), i.Oracle)
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}
