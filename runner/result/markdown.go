package result

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"regexp"
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
	for _, r := range runs {
		markdownFailures(&b, r)
		markdownNotes(&b, r)
	}
	_, err := w.Write(b.Bytes())
	return err
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
			html.EscapeString(line(c.Name)), html.EscapeString(line(r.Kernel.Release)))
		said := statements(unexplained(c))
		if len(said) == 0 {
			fmt.Fprintf(b, "\n%s\n", inline(c.Reason))
		}
		for _, s := range said {
			fmt.Fprintf(b, "\n%s\n", inline(s.headline()))
			fence(b, s.Detail, evidenceLines)
		}
		b.WriteString("\nRepeat:\n")
		fence(b, r.repeat(c), 1)
		b.WriteString("\n</details>\n")
	}
	if shown > maxFailures {
		fmt.Fprintf(b, "\n%d more failures on %s are in %s.\n", shown-maxFailures, inline(r.Kernel.Release), JSONFile)
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
	fmt.Fprintf(b, "\n<details><summary>Notes on %s</summary>\n\n", html.EscapeString(kernelName(r)))
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
