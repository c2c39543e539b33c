package result

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"
	"golang.org/x/term"

	"netdev.test/teardown/initramfs/verdict"
)

// Style says how [Text] writes.
type Style struct {
	Color bool
	Width int    // columns, 80 when 0
	File  string // file that holds everything, named where something is cut; results.json when empty
}

// defaultWidth is the width of a terminal that does not tell it, and of files.
const defaultWidth = 80

// TerminalStyle returns the style for f: coloured when f is a terminal, unless
// NO_COLOR is set or the terminal is dumb, and as wide as it.
func TerminalStyle(f *os.File, file string) Style {
	s := Style{Width: defaultWidth, File: file}
	fd := int(f.Fd())
	if !term.IsTerminal(fd) {
		return s
	}
	s.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(fd); err == nil && width > 0 {
		s.Width = width
	}
	return s
}

// Limits of what [Text] shows of one thing.
const (
	evidenceLines = 40 // lines of evidence of one finding
	blindLines    = 8  // lines of evidence of why an oracle was blind
	shownNames    = 6  // names of cases that share a reason
)

// Text writes the verdict of the run for people at a terminal: a table of kinds
// and exits, the exits that were reached, every failure with its evidence and the
// command that repeats it, known issues, what was skipped or could not be seen
// and why, the kernel, the oracles that could be trusted, the time each part
// took, and the verdict as the last line.
func Text(w io.Writer, run *Run, style Style) error {
	p := newPrinter(run, style)
	for _, section := range []func(){
		p.table, p.reached, p.failures, p.unknowns, p.controls, p.known, p.fixed, p.skips, p.about, p.last,
	} {
		section()
	}
	return p.flush(w)
}

// printer writes the sections of the text.
type printer struct {
	run   *Run
	style Style
	out   bytes.Buffer
}

func newPrinter(run *Run, style Style) *printer {
	if style.Width <= 0 {
		style.Width = defaultWidth
	}
	if style.File == "" {
		style.File = JSONFile
	}
	return &printer{run: run, style: style}
}

// flush hands what was printed to w.
func (p *printer) flush(w io.Writer) error {
	_, err := w.Write(p.out.Bytes())
	return err
}

// paint colours s as befits verdict v.
func (p *printer) paint(v verdict.Verdict, s string) string {
	if !p.style.Color || v == plain {
		return s
	}
	attributes := map[verdict.Verdict][]color.Attribute{
		verdict.Pass:    {color.FgGreen},
		verdict.Fail:    {color.FgRed, color.Bold},
		verdict.Known:   {color.FgYellow},
		verdict.Unknown: {color.FgMagenta, color.Bold},
		verdict.Skip:    {color.Faint},
		"":              {color.Faint},
	}[v]
	c := color.New(attributes...)
	c.EnableColor()
	return c.Sprint(s)
}

// wrap writes prose, first after head and then after as many spaces.
func (p *printer) wrap(head, prose string) {
	p.wrapWords(head, strings.Fields(clean(prose)))
}

// continued writes prose after what stands on the line already, and further lines
// after as many spaces.
func (p *printer) continued(column int, prose string) {
	p.fill("", column, strings.Fields(clean(prose)))
}

// wrapWords writes words that are not broken.
func (p *printer) wrapWords(head string, words []string) {
	p.fill(head, utf8.RuneCountInString(head), words)
}

// fill writes words after text that ends at column.
func (p *printer) fill(text string, column int, words []string) {
	indent := strings.Repeat(" ", column)
	room := max(20, p.style.Width-column)
	used := 0
	for i, w := range words {
		n := utf8.RuneCountInString(w)
		switch {
		case i == 0:
		case used+1+n > room:
			text += "\n" + indent
			used = 0
		default:
			text += " "
			used++
		}
		text += w
		used += n
	}
	fmt.Fprintln(&p.out, strings.TrimRight(text, " "))
}

// headWidth is the width of the names of the facts about a run.
const headWidth = 12

// unbroken is the longest item of a list that is kept on one line.
const unbroken = 30

// items writes a list, broken between its items where they are short.
func (p *printer) items(head string, list []string) {
	var words []string
	for i, item := range list {
		if i < len(list)-1 {
			item += ","
		}
		if utf8.RuneCountInString(item) <= unbroken {
			words = append(words, item)
		} else {
			words = append(words, strings.Fields(item)...)
		}
	}
	p.wrapWords(pad(head, headWidth), words)
}

// detail writes evidence, indented and bounded.
func (p *printer) detail(s string, lines int) {
	first, more := head(s, lines)
	for _, l := range first {
		fmt.Fprintln(&p.out, strings.TrimRight("        "+l, " "))
	}
	if more > 0 {
		fmt.Fprintf(&p.out, "        … %d more lines in %s\n", more, line(p.style.File))
	}
}

func (p *printer) table() {
	if len(p.run.Cases) == 0 {
		return
	}
	g := verdictGrid(p.run.Cases)
	var dropped []string
	if len(g.blocks(p.style.Width)) > 1 {
		dropped = g.dropEmpty()
	}
	p.grid(g)
	if len(dropped) > 0 {
		p.wrap("", "No case aims at "+strings.Join(dropped, " ")+".")
		fmt.Fprintln(&p.out)
	}
}

// reached shows by which exits the cases left: a sweep aims at none of them, and
// must find them all.
func (p *printer) reached() {
	p.coverage([]*Run{p.run}, unnamed)
}

func (p *printer) failures() {
	for i := range p.run.Cases {
		c := &p.run.Cases[i]
		if verdictOf(c) != verdict.Fail {
			continue
		}
		fmt.Fprintf(&p.out, "%s  %s\n", p.paint(verdict.Fail, "FAIL"), line(c.Name))
		said := statements(unexplained(c))
		if len(said) == 0 {
			p.wrap("      ", line(c.Reason))
		}
		for _, s := range said {
			p.wrap("      ", s.headline())
			for _, site := range s.sites(c) {
				p.wrap("        ", site)
			}
			p.detail(s.Detail, evidenceLines)
		}
		for _, s := range statements(c.Blind) {
			p.wrap("      ", "not seen: "+s.headline())
		}
		fmt.Fprintf(&p.out, "      repeat: %s\n\n", p.run.repeat(c))
	}
}

func (p *printer) unknowns() {
	for _, r := range reasons(p.run.Cases, verdict.Unknown) {
		fmt.Fprintf(&p.out, "%s  %s\n", p.paint(verdict.Unknown, "unknown"), plural(len(r.cases), "case"))
		p.wrap("      ", r.why)
		if first := r.cases[0]; len(first.Blind) > 0 {
			p.detail(first.Blind[0].Detail, blindLines)
		}
		p.wrap("      ", names(caseNames(r.cases), shownNames))
		fmt.Fprintf(&p.out, "      repeat: %s\n\n", p.run.repeat(r.cases[0]))
	}
}

func (p *printer) controls() {
	for _, m := range p.run.unseen() {
		fmt.Fprintf(&p.out, "%s  positive control of %s in boot %d\n",
			p.paint(verdict.Unknown, "unknown"), line(string(m.Oracle)), m.boot)
		p.wrap("      ", "the oracle did not see what was planted for it, so its silence proves nothing")
		p.detail(m.Detail, blindLines)
		fmt.Fprintln(&p.out)
	}
}

func (p *printer) known() {
	for _, k := range p.run.Known {
		fmt.Fprintf(&p.out, "%s  %s, %s\n", p.paint(verdict.Known, "known"), line(k.ID), plural(len(k.Cases), "case"))
		p.wrap("      ", k.Title)
		p.wrap("      ", k.Reason)
		if k.Link != "" {
			p.wrap("      ", k.Link)
		}
		fmt.Fprintln(&p.out)
	}
}

func (p *printer) fixed() {
	for _, f := range p.run.Fixed {
		fmt.Fprintf(&p.out, "%s  %s\n", p.paint(verdict.Known, "fixed?"), line(f.ID))
		p.wrap("      ", f.Title)
		p.wrap("      ", "This known issue did not occur, although the cases that meet it ran. When the "+
			"kernel has the fix, narrow its kernels in tests/known-issues.toml.")
		fmt.Fprintln(&p.out)
	}
}

func (p *printer) skips() {
	groups := reasons(p.run.Cases, verdict.Skip)
	for _, r := range groups {
		p.wrap("", fmt.Sprintf("skipped %s: %s (%s)", plural(len(r.cases), "case"), r.why, kindsOf(r.cases)))
	}
	if len(groups) > 0 {
		fmt.Fprintln(&p.out)
	}
}

// kindsOf names the kinds of cases, each once.
func kindsOf(cases []*verdict.Case) string {
	var kinds []string
	for _, c := range cases {
		if !slices.Contains(kinds, c.Kind) {
			kinds = append(kinds, c.Kind)
		}
	}
	return names(kinds, 3*shownNames)
}

// shortNames lists cases, but not all of very many.
func shortNames(cases []string) string { return names(cases, shownNames) }

// about writes what ran where, and how long its parts took.
func (p *printer) about() {
	r := p.run
	for _, row := range []struct {
		name string
		list []string
	}{
		{"kernel", facts(r.Kernel.Release, r.Kernel.Source, prefixed("profile ", r.Kernel.Profile),
			prefixed("config ", r.Kernel.ConfigHash[:min(12, len(r.Kernel.ConfigHash))]))},
		{"host", facts(cpus(r.Host.CPUs), because(r.Host.Accelerator, r.Host.AcceleratorReason),
			prefixed("QEMU ", r.Host.QEMU), r.Host.Go)},
		{"injected", injections(r.Cases)},
		{"guests", guests(r.Boots)},
		{"time", phases(r.Phases)},
		{"incomplete", facts(r.incomplete())},
	} {
		if len(row.list) > 0 {
			p.items(row.name, row.list)
		}
	}
	p.oracles()
	fmt.Fprintln(&p.out)
}

// last writes the verdict in one line.
func (p *printer) last() {
	r := p.run
	v := wordVerdict(statusWord(r))
	ran := plural(len(r.Cases), "case")
	if r.Wanted > len(r.Cases) {
		ran = fmt.Sprintf("%d of %s", len(r.Cases), plural(r.Wanted, "case"))
	}
	text := fmt.Sprintf("  %s on %s in %s", ran, kernelLabel(r), duration(r.Seconds))
	if counts := tally(r.count()); counts != "" {
		text += ": " + counts
	}
	fmt.Fprintln(&p.out, p.paint(v, statusWord(r))+text)
}

// statusWord is the verdict of the whole run in one word.
func statusWord(r *Run) string {
	switch {
	case r.Status() == Good:
		return "PASS"
	case r.Status() == Regression:
		return "FAIL"
	case r.incomplete() != "":
		return "INCOMPLETE"
	}
	return "UNKNOWN"
}
