package result

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// maxFailures is how many failures of a run are shown with their evidence in
// Markdown: GitHub refuses a job summary of more than 1 MiB.
const maxFailures = 20

// Markdown writes a summary of the runs, a line for each, for the job summary of
// GitHub Actions; failures and what else needs a reader follow, folded.
func Markdown(w io.Writer, runs ...*Run) error {
	var b bytes.Buffer
	b.WriteString("| kernel | verdict | pass | known | fail | unknown | skip | time |\n")
	b.WriteString("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, r := range runs {
		n := r.count()
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d | %s |\n",
			inline(kernelLabel(r)), markdownStatus(r), n[verdict.Pass], n[verdict.Known], n[verdict.Fail],
			n[verdict.Unknown], n[verdict.Skip], duration(r.Seconds))
	}
	markdownMatrix(&b, runs)
	for _, r := range runs {
		markdownFailures(&b, r)
		markdownNotes(&b, r)
	}
	markdownCoverage(&b, runs)
	markdownOracles(&b, runs)
	_, err := w.Write(b.Bytes())
	return err
}

// maxMatrix is how many cases are shown of those that failed or are unknown in
// some run.
const maxMatrix = 100

// markdownMatrix writes the cases that failed or are unknown in some run, and
// what became of them in the others.
func markdownMatrix(b *bytes.Buffer, runs []*Run) {
	if len(runs) < 2 {
		return
	}
	bad := slices.DeleteFunc(fates(runs), func(f *fate) bool { return !f.bad() })
	if len(bad) == 0 {
		return
	}
	b.WriteByte('\n')
	matrixGrid(bad[:min(len(bad), maxMatrix)], labels(runs)).markdown(b)
	if more := len(bad) - maxMatrix; more > 0 {
		fmt.Fprintf(b, "\n%d more cases failed or are unknown.\n", more)
	}
}

// markdownCoverage writes which exits were reached, folded.
func markdownCoverage(b *bytes.Buffer, runs []*Run) {
	names := map[*Run]string{}
	if len(runs) > 1 {
		for i, name := range labels(runs) {
			names[runs[i]] = name
		}
	}
	g := coverageGrid(runs, func(r *Run) string { return names[r] })
	if len(g.rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n<details><summary>%s %s</summary>\n\n", html.EscapeString(reachedTitle), html.EscapeString(unreachedNote(runs)))
	g.markdown(b)
	b.WriteString("\n</details>\n")
}

// markdownOracles writes which oracles could be trusted, folded.
func markdownOracles(b *bytes.Buffer, runs []*Run) {
	names := labels(runs)
	g := oracleGrid(runs, names)
	if len(g.rows) == 0 {
		return
	}
	b.WriteString("\n<details><summary>Oracles and what was planted for them</summary>\n\n")
	g.markdown(b)
	for i, a := range absences(runs) {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "- absent: %s\n", inline(a.in(names)))
	}
	b.WriteString("\n</details>\n")
}

// kernelLabel names the kernel of a run with its profile.
func kernelLabel(r *Run) string {
	return because(kernelName(r), line(r.Kernel.Profile))
}

func markdownStatus(r *Run) string {
	word := statusWord(r)
	if word == "PASS" {
		return word
	}
	return "**" + word + "**"
}

// markdownFailures writes every failure, folded.
func markdownFailures(b *bytes.Buffer, r *Run) {
	shown := 0
	for i := range r.Cases {
		c := &r.Cases[i]
		if verdictOf(c) != verdict.Fail {
			continue
		}
		if shown++; shown > maxFailures {
			continue
		}
		fmt.Fprintf(b, "\n<details><summary>FAIL <code>%s</code> on %s</summary>\n",
			html.EscapeString(line(c.Name)), html.EscapeString(kernelLabel(r)))
		said := statements(unexplained(c))
		if len(said) == 0 {
			fmt.Fprintf(b, "\n%s\n", inline(c.Reason))
		}
		for _, s := range said {
			fmt.Fprintf(b, "\n%s\n", inline(s.headline()))
			for i, site := range s.sites(c) {
				if i == 0 {
					b.WriteByte('\n')
				}
				fmt.Fprintf(b, "- %s\n", inline(site))
			}
			fence(b, s.Detail, evidenceLines)
		}
		b.WriteString("\nRepeat:\n")
		fence(b, r.repeat(c), 1)
		b.WriteString("\n</details>\n")
	}
	if shown > maxFailures {
		fmt.Fprintf(b, "\n%d more failures on %s are in %s.\n", shown-maxFailures, inline(kernelLabel(r)), JSONFile)
	}
}

// markdownNotes lists what is to be known about the run beside its failures.
func markdownNotes(b *bytes.Buffer, r *Run) {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if why := r.incomplete(); why != "" {
		note("incomplete: %s", inline(why))
	}
	for _, m := range r.unseen() {
		note("unknown: the positive control of %s was not seen in boot %d", inline(string(m.Oracle)), m.boot)
	}
	for _, u := range reasons(r.Cases, verdict.Unknown) {
		note("unknown: %s: %s", plural(len(u.cases), "case"), inline(u.why))
	}
	for _, k := range r.Known {
		note("known: %s, %s: %s", inline(k.ID), plural(len(k.Cases), "case"), inline(k.Title))
	}
	for _, f := range r.Fixed {
		note("fixed? %s: %s", inline(f.ID), inline(f.Title))
	}
	for _, s := range reasons(r.Cases, verdict.Skip) {
		note("skipped: %s: %s", plural(len(s.cases), "case"), inline(s.why))
	}
	if len(notes) == 0 {
		return
	}
	fmt.Fprintf(b, "\n<details><summary>Notes on %s</summary>\n\n", html.EscapeString(kernelLabel(r)))
	for _, n := range notes {
		fmt.Fprintf(b, "- %s\n", n)
	}
	b.WriteString("\n</details>\n")
}

// markup is what means something within a line of Markdown; @ and # would name
// people and issues, addresses would become links.
var markup = regexp.MustCompile("[\\\\`*_{}\\[\\]!|~$<>&@#]|^[-+=]|//|www")

// inline returns s as plain text within a line of Markdown.
func inline(s string) string {
	return markup.ReplaceAllStringFunc(line(s), func(m string) string {
		switch m {
		case "<", ">", "&", "@", "#":
			return fmt.Sprintf("&#%d;", m[0])
		case "www":
			return "ww&#119;"
		case "//":
			return `\/\/`
		}
		return `\` + m
	})
}

var backticks = regexp.MustCompile("`+")

// fence writes s as a block of code that nothing in s can end.
func fence(b *bytes.Buffer, s string, lines int) {
	first, more := head(s, lines)
	if len(first) == 0 {
		return
	}
	if more > 0 {
		first = append(first, fmt.Sprintf("… %d more lines in %s", more, JSONFile))
	}
	body := strings.Join(first, "\n")
	mark := "```"
	for _, run := range backticks.FindAllString(body, -1) {
		mark = strings.Repeat("`", max(len(mark), len(run)+1))
	}
	fmt.Fprintf(b, "\n%s\n%s\n%s\n", mark, body, mark)
}
