package score

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Text writes the score as a table, a row a mutant, and what it comes to.
func Text(w io.Writer, s *Score) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "MUTANT\tCOMMIT\tOUTCOME\tORACLE\tSECONDS\tCASE")
	for _, m := range s.Mutants {
		oracle, seconds, told := "-", "-", cmp.Or(oneLine(m.Why), "-")
		if m.Seconds > 0 {
			seconds = fmt.Sprintf("%.1f", m.Seconds)
		}
		if m.Kill != nil {
			oracle, told = string(m.Kill.Oracle), cmp.Or(m.Kill.Case, oneLine(m.Kill.Title))
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", m.ID, oneLine(strings.Join(m.Commit, "+")), m.Outcome, oracle, seconds, told)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", s.Summary())
	return err
}

// Summary is the score in one line.
func (s *Score) Summary() string {
	killed := s.Count(Killed)
	parts := []string{fmt.Sprintf("%d of %d mutants killed on %s", killed, killed+s.Count(Survived)+s.Count(Unknown), s.Kernel.Release)}
	for _, o := range []Outcome{Survived, Unknown, Equivalent, NotApplicable} {
		if n := s.Count(o); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	if s.Control != nil {
		parts = append(parts, fmt.Sprintf("with every mutant off %d of %d cases that killed fail", len(s.Control.Failed), s.Control.Cases))
	}
	if s.Incomplete != "" {
		parts = append(parts, "incomplete: "+oneLine(s.Incomplete))
	}
	return strings.Join(parts, "; ")
}

// oneLine is s without what would end a row or a column of the table, or steer a
// terminal: a kernel may have said it.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }), " ")
}
