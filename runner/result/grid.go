package result

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"netdev.test/teardown/initramfs/verdict"
)

// nothing is shown in an empty cell.
const nothing = "·"

// gap separates columns.
const gap = "  "

// grid is a table of short texts with named rows. It is printed in blocks of
// columns where it is wider than there is room.
type grid struct {
	head    string // over the names of the rows
	rows    []string
	columns []string
	cells   map[[2]string]shown // by row and column
}

// shown is what a cell shows, in the colour of a verdict where it has one.
type shown struct {
	text string
	of   verdict.Verdict
}

// plain is the colour of text that is no verdict.
const plain verdict.Verdict = "plain"

func newGrid(head string, columns ...string) *grid {
	return &grid{head: head, columns: columns, cells: map[[2]string]shown{}}
}

// row adds a row, if there is none of that name.
func (g *grid) row(name string) {
	if !slices.Contains(g.rows, name) {
		g.rows = append(g.rows, name)
	}
}

// set fills in a cell of a row, which it adds.
func (g *grid) set(row, col, text string, of verdict.Verdict) {
	g.row(row)
	g.cells[[2]string{row, col}] = shown{text, of}
}

func (g *grid) at(row, col string) shown {
	if c, ok := g.cells[[2]string{row, col}]; ok {
		return c
	}
	return shown{text: nothing}
}

// dropEmpty removes the columns without a cell, and returns them.
func (g *grid) dropEmpty() (dropped []string) {
	var kept []string
	for _, col := range g.columns {
		if slices.ContainsFunc(g.rows, func(r string) bool { return g.at(r, col).text != nothing }) {
			kept = append(kept, col)
		} else {
			dropped = append(dropped, col)
		}
	}
	g.columns = kept
	return dropped
}

// width returns the width of a column.
func (g *grid) width(col string) int {
	w := utf8.RuneCountInString(col)
	for _, r := range g.rows {
		w = max(w, utf8.RuneCountInString(g.at(r, col).text))
	}
	return w
}

// nameWidth returns the width of the column that names the rows.
func (g *grid) nameWidth() int {
	w := utf8.RuneCountInString(g.head)
	for _, r := range g.rows {
		w = max(w, utf8.RuneCountInString(r))
	}
	return w
}

// blocks splits the columns into blocks that fit into width.
func (g *grid) blocks(width int) [][]string {
	var out [][]string
	left := 0
	for _, col := range g.columns {
		w := len(gap) + g.width(col)
		if len(out) == 0 || left < w {
			out = append(out, nil)
			left = width - g.nameWidth()
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

// grid prints g, each of its blocks with an empty line after it.
func (p *printer) grid(g *grid) {
	for _, columns := range g.blocks(p.style.Width) {
		p.block(g, columns)
		fmt.Fprintln(&p.out)
	}
}

func (p *printer) block(g *grid, columns []string) {
	head := pad(g.head, g.nameWidth())
	for _, col := range columns {
		head += gap + pad(col, g.width(col))
	}
	fmt.Fprintln(&p.out, strings.TrimRight(head, " "))
	for _, name := range g.rows {
		row := pad(name, g.nameWidth())
		for i, col := range columns {
			c := g.at(name, col)
			text := c.text
			if i < len(columns)-1 {
				text = pad(text, g.width(col))
			}
			row += gap + p.paint(c.of, text)
		}
		fmt.Fprintln(&p.out, row)
	}
}

// markdown writes g as a table.
func (g *grid) markdown(b *bytes.Buffer) {
	fmt.Fprintf(b, "| %s |", inline(g.head))
	for _, col := range g.columns {
		fmt.Fprintf(b, " %s |", inline(col))
	}
	fmt.Fprintf(b, "\n| --- |%s\n", strings.Repeat(" --- |", len(g.columns)))
	for _, name := range g.rows {
		fmt.Fprintf(b, "| %s |", inline(name))
		for _, col := range g.columns {
			text := inline(g.at(name, col).text)
			if g.at(name, col).of == verdict.Fail {
				text = "**" + text + "**"
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteByte('\n')
	}
}
