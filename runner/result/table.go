package result

import (
	"fmt"
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// exits are the columns of the table: what fails before register_netdevice(),
// its exits, what fails after it, and everything else.
var exits = []string{"E-1", "E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "late", other}

// other is the column of what none of the others is for.
const other = "other"

// column returns the column of an exit: E8a and E8b are both E8.
func column(exit string) string {
	if len(exit) >= 2 && exit[0] == 'E' && slices.Contains(exits, exit[:2]) && strings.Trim(exit[2:], "abcdefgh") == "" {
		return exit[:2]
	}
	if exit == "late" || exit == "E-1" {
		return exit
	}
	return other
}

// weight orders verdicts by what a reader must see first.
var weight = []verdict.Verdict{verdict.Fail, verdict.Unknown, verdict.Known, verdict.Pass, verdict.Skip}

// word is how a verdict is shown.
func word(v verdict.Verdict) string {
	if v == verdict.Fail {
		return "FAIL"
	}
	return string(v)
}

// cell is all cases of one kind at one exit.
type cell map[verdict.Verdict]int

// worst returns the verdict that stands for the cell.
func (c cell) worst() verdict.Verdict {
	for _, v := range weight {
		if c[v] > 0 {
			return v
		}
	}
	return ""
}

// String returns "pass", "3 pass", or "1/3 FAIL" when not all end the same.
func (c cell) String() string {
	total := 0
	for _, n := range c {
		total += n
	}
	v := c.worst()
	switch {
	case total == 0:
		return nothing
	case c[v] < total:
		return fmt.Sprintf("%d/%d %s", c[v], total, word(v))
	case total > 1:
		return fmt.Sprintf("%d %s", total, word(v))
	}
	return word(v)
}

// verdictGrid is what cases ended with, by their kind and the exit they aim at.
func verdictGrid(cases []verdict.Case) *grid {
	g := newGrid("kind", slices.Clone(exits)...)
	cells := map[[2]string]cell{}
	for i := range cases {
		c := &cases[i]
		kind := line(c.Kind)
		at := [2]string{kind, column(c.Exit)}
		if cells[at] == nil {
			cells[at] = cell{}
		}
		cells[at][verdictOf(c)]++
		g.row(kind)
	}
	for at, c := range cells {
		g.set(at[0], at[1], c.String(), c.worst())
	}
	slices.Sort(g.rows)
	return g
}
