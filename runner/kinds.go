package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/kconfigs"
)

// newKinds makes "kinds", which prints the catalogue.
func newKinds() *cobra.Command {
	var markdown bool
	c := &cobra.Command{
		Use:   "kinds",
		Short: "List the kinds of devices, how they are created, and on which lines",
		Long: `List the kinds of net devices that the suite knows: the family of kinds whose
drivers are built together (--kinds), the ways to create one, and the kernel
lines that have them.`,
		Example: `  # The cases of one kind
  go run ./runner run --kinds vlan --run '/vlan'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			lines, err := kconfigs.Lines()
			if err != nil {
				return err
			}
			if markdown {
				return kindsMarkdown(c.OutOrStdout(), lines)
			}
			return kindsText(c.OutOrStdout(), lines)
		},
	}
	c.Flags().BoolVar(&markdown, "markdown", false, "as the table in README.md")
	return c
}

// presence tells for each line whether the kind can be created there in that way.
func presence(k device.Kind, w device.Way, lines []kconfigs.Line, yes, no string) []string {
	var cells []string
	for _, l := range lines {
		cell := yes
		if k.Lines.Lack(l.Name) != "" || w.Lines.Lack(l.Name) != "" {
			cell = no
		}
		cells = append(cells, cell)
	}
	return cells
}

func lineList(lines []kconfigs.Line) []string {
	var names []string
	for _, l := range lines {
		names = append(names, l.Name)
	}
	return names
}

func kindsText(w io.Writer, lines []kconfigs.Line) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(tw, "KIND\tWAY\tFAMILY\t%s\tDRIVER\n", strings.Join(lineList(lines), "\t"))
	for _, k := range device.Kinds {
		for _, way := range k.Ways {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", k.Name, way.Name, k.Family, strings.Join(presence(k, way, lines, "yes", "-"), "\t"), k.Source)
		}
	}
	return tw.Flush()
}

// kindsMarkdown writes a row for each kind; a line's cell lists the ways where
// not all of the kind's are there.
func kindsMarkdown(w io.Writer, lines []kconfigs.Line) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| kind | family | ways | %s | driver |\n|---|---|---|%s---|\n", strings.Join(lineList(lines), " | "), strings.Repeat(":-:|", len(lines)))
	for _, k := range device.Kinds {
		for i, way := range k.Ways {
			kind, family, source := "", "", ""
			if i == 0 {
				kind, family, source = "`"+k.Name+"`", k.Family, k.Source
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", kind, family, way.Name, strings.Join(presence(k, way, lines, "✓", "–"), " | "), source)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
