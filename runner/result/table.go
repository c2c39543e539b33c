package result

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"netdev.test/teardown/initramfs/verdict"
)

// exits are the columns of the table: what fails before register_netdevice(),
// its exits, what fails after it, and everything else.
var exits = []string{"E-1", "E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "late", "other"}

// column returns the column of an exit: E8a and E8b are both E8.
func column(exit string) string {
	if len(exit) >= 2 && exit[0] == 'E' && slices.Contains(exits, exit[:2]) && strings.Trim(exit[2:], "abcdefgh") == "" {
		return exit[:2]
	}
	if exit == "late" || exit == "E-1" {
		return exit
	}
	return "other"
}

// nothing is shown where no case aims.
const nothing = "·"

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

// table is kinds by exits.
type table struct {
	kinds   []string // rows, sorted
	columns []string
	cells   map[[2]string]cell // by kind and column
}

// newTable makes the table of cases.
func newTable(cases []verdict.Case) *table {
	t := &table{columns: exits, cells: map[[2]string]cell{}}
	for i := range cases {
		c := &cases[i]
		kind := line(c.Kind)
		at := [2]string{kind, column(c.Exit)}
		if t.cells[at] == nil {
			t.cells[at] = cell{}
		}
		t.cells[at][verdictOf(c)]++
		if !slices.Contains(t.kinds, kind) {
			t.kinds = append(t.kinds, kind)
		}
	}
	slices.Sort(t.kinds)
	return t
}

// dropEmpty removes the columns that no case aims at, and returns them.
func (t *table) dropEmpty() (dropped []string) {
	var kept []string
	for _, col := range t.columns {
		if slices.ContainsFunc(t.kinds, func(k string) bool { return t.cells[[2]string{k, col}] != nil }) {
			kept = append(kept, col)
		} else {
			dropped = append(dropped, col)
		}
	}
	t.columns = kept
	return dropped
}

// gap separates columns.
const gap = "  "

// width returns the width of a column.
func (t *table) width(col string) int {
	w := len(col)
	for _, k := range t.kinds {
		w = max(w, utf8.RuneCountInString(t.cells[[2]string{k, col}].String()))
	}
	return w
}

// kindWidth returns the width of the column that names the kinds.
func (t *table) kindWidth() int {
	w := len("kind")
	for _, k := range t.kinds {
		w = max(w, utf8.RuneCountInString(k))
	}
	return w
}

// blocks splits the columns into blocks that fit into width.
func (t *table) blocks(width int) [][]string {
	var out [][]string
	left := 0
	for _, col := range t.columns {
		w := len(gap) + t.width(col)
		if len(out) == 0 || left < w {
			out = append(out, nil)
			left = width - t.kindWidth()
		}
		out[len(out)-1] = append(out[len(out)-1], col)
		left -= w
	}
	return out
}

// pad fills s up to width with spaces.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
