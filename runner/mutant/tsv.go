package mutant

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// Columns that a table of mutants must have. It may have more: commit, subject,
// mechanism, trigger, and one for each kernel line, line_6.12, where "-" says
// that the mutant does not apply.
var columns = []string{"id", "file", "function", "anchor_regex", "edit"}

// lineColumn begins the name of a column that is about a kernel line.
const lineColumn = "line_"

// ParseTable reads mutants from a table with a header, the columns of which are
// separated by tabs. What its column edit says in words is translated, see
// [phrases]; a mutant whose edit cannot be is in the set, and is refused by
// [Set.Apply] with the reason.
func ParseTable(data []byte) (Set, error) {
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	names := strings.Split(lines[0], "\t")
	at := map[string]int{}
	for i, name := range names {
		at[name] = i
	}
	for _, name := range columns {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("line 1: there is no column %s", name)
		}
	}
	var all Set
	for i, text := range lines[1:] {
		if strings.TrimSpace(text) == "" {
			continue
		}
		cells := strings.Split(text, "\t")
		if len(cells) != len(names) {
			return nil, fmt.Errorf("line %d: it has %d columns, and the first line %d", i+2, len(cells), len(names))
		}
		row := map[string]string{}
		for name, column := range at {
			row[name] = strings.TrimSpace(cells[column])
		}
		m, err := fromRow(row, names)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, errors.New("it has no mutants")
	}
	return all, all.distinct()
}

// fromRow makes a mutant of a row.
func fromRow(row map[string]string, names []string) (Mutant, error) {
	m := Mutant{
		ID: row["id"], Commit: verdict.List{orDash(row["commit"])}, Subject: orDash(row["subject"]), Mechanism: orDash(row["mechanism"]),
		trigger: row["trigger"],
	}
	if !identifier.MatchString(m.ID) {
		return Mutant{}, fmt.Errorf("the id %q must be letters, digits, - and _", m.ID)
	}
	m.rangeOf(row, names)
	edits, err := fromWords(row)
	if err != nil {
		m.refused = err.Error()
		return m, nil
	}
	m.Edits = edits
	return m, m.compile()
}

// rangeOf sets the kernels that the mutant applies to.
func (m *Mutant) rangeOf(row map[string]string, names []string) {
	about := false
	for _, name := range names {
		line, ok := strings.CutPrefix(name, lineColumn)
		if !ok {
			continue
		}
		about = true
		if v := row[name]; v != "" && v != "-" {
			m.Kernels = append(m.Kernels, line)
		}
	}
	if about && len(m.Kernels) == 0 {
		m.Kernels = verdict.List{"<0.0"} // none
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// fromWords returns the edits that a row describes.
func fromWords(row map[string]string) ([]Edit, error) {
	place := Edit{
		File: strings.Split(row["file"], "|"), Function: strings.Split(row["function"], "|"), Anchor: row["anchor_regex"],
	}
	for _, f := range place.File {
		if !fs.ValidPath(f) {
			return nil, fmt.Errorf("%q is no path in a kernel tree", f)
		}
	}
	if err := place.lineNumbers(row); err != nil {
		return nil, err
	}
	var all []Edit
	for _, part := range byLine(row["edit"]) {
		edits, err := translate(place, part.words)
		if err != nil {
			return nil, err
		}
		for _, e := range edits {
			e.Kernels = part.kernels
			if err := e.compile(); err != nil {
				return nil, err
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// lineNumbers keeps where the table says that the place is on each kernel line, for
// an anchor that has more than one match.
func (e *Edit) lineNumbers(row map[string]string) error {
	for name, cell := range row {
		line, ok := strings.CutPrefix(name, lineColumn)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(cell)
		if err != nil {
			continue // several places, or none
		}
		kernels, err := verdict.ParseReleases(verdict.List{line})
		if err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
		e.numbers = append(e.numbers, numbered{kernels, n})
	}
	return nil
}

// A part is what is to be done on some kernel lines.
type part struct {
	kernels verdict.List
	words   string
}

// forLines begins what is for some lines only: "≤6.12: ", "7.x: ", "5.10: ".
var forLines = regexp.MustCompile(`(?:^|; *)(≤|≥|<=|>=|<|>)?(\d+)\.(\d+|x)(\+?): `)

// otherwise is code that has another argument on some line: "f(a) [5.10: b]".
var otherwise = regexp.MustCompile(`\(([^()]*)\) *\[(\d+\.\d+): ([^\[\]]+)\]`)

// byLine splits an edit that is different from line to line.
func byLine(words string) []part {
	if m := otherwise.FindStringSubmatch(words); m != nil {
		return []part{
			{verdict.List{m[2]}, otherwise.ReplaceAllString(words, "($3)")},
			{verdict.List{"<" + m[2], ">" + m[2]}, otherwise.ReplaceAllString(words, "($1)")},
		}
	}
	marks := forLines.FindAllStringSubmatchIndex(words, -1)
	if len(marks) == 0 || marks[0][0] != 0 {
		return []part{{nil, words}}
	}
	var parts []part
	for i, m := range marks {
		end := len(words)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		group := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return words[m[2*n]:m[2*n+1]]
		}
		op := strings.NewReplacer("≤", "<=", "≥", ">=").Replace(group(1))
		bound := op + group(2) + "." + group(3)
		switch {
		case group(3) == "x":
			bound = ">=" + group(2) + ".0 <" + next(group(2)) + ".0"
		case group(4) == "+":
			bound = ">=" + bound
		}
		parts = append(parts, part{verdict.List{bound}, strings.TrimSpace(words[m[1]:end])})
	}
	return parts
}

// next returns the number after a decimal one.
func next(digits string) string {
	n := []byte(digits)
	for i := len(n) - 1; i >= 0; i-- {
		if n[i] != '9' {
			n[i]++
			return string(n)
		}
		n[i] = '0'
	}
	return "1" + string(n)
}

// A phrase is a way to say in words what an edit does.
type phrase struct {
	words *regexp.Regexp
	edits func(place Edit, m []string) []Edit
}

// phrases are the words that are understood, the narrowest first.
var phrases = []phrase{
	{words(deletion + `(?:the |this |its )?(?:whole |entire )?(?:` + whole + `)(?: \([^()]*\))?`), func(place Edit, _ []string) []Edit {
		place.Delete = true
		return []Edit{place}
	}},
	{words(deletion + `(?:the )?(\w*)lock/\w*unlock pair`), func(place Edit, m []string) []Edit {
		lock, unlock := place, place
		lock.Delete, unlock.Delete = true, true
		unlock.At = `\b` + m[1] + `unlock\w*\(`
		return []Edit{lock, unlock}
	}},
	{words(deletion + `(?:the )?(?:call of |call to )?(final |last )?` + quote + `([\w>-]+(?:\([^()]*\))?|[^"` + "`" + `]+;)` + quote + `;?(?: in (?:its|the) error (?:branch|path)| after .*| before .*)?`), func(place Edit, m []string) []Edit {
		place.Delete, place.last = true, m[1] != ""
		place.At = code(m[2])
		return []Edit{place}
	}},
	{words(insertionWord + `(?:before|above)(?: it| the anchor| the line)?: *` + quote + `(.+?)` + quote), func(place Edit, m []string) []Edit {
		place.Before = closed(m[1])
		return []Edit{place}
	}},
	{words(insertionWord + `(?:(?:after|below|behind)(?: it| the anchor| the line)?)?: *` + quote + `(.+?)` + quote), func(place Edit, m []string) []Edit {
		place.After = closed(m[1])
		return []Edit{place}
	}},
	{words(`in (?:its|the) error (?:branch|path) ` + insertionWord + `: *(.+)`), func(place Edit, m []string) []Edit {
		place.At = `if \([^\n]*\)\s*\{?\n\s*(\S)`
		place.Before = closed(m[1])
		return []Edit{place}
	}},
	{words(`(?:replace |change )?` + quoted + ` (?:` + into + `) ` + quoted), func(place Edit, m []string) []Edit {
		place.At = code(m[1])
		if jump.MatchString(m[1]) || strings.HasSuffix(m[1], ";") {
			place.Statement = closed(m[2])
		} else {
			place.Expression = m[2]
		}
		return []Edit{place}
	}},
	{words(`(?:replace |change )?(?:it |line |the line |the call )?(?:` + into + `):? ` + quote + `(.+?)` + quote), func(place Edit, m []string) []Edit {
		place.Statement = closed(m[1])
		return []Edit{place}
	}},
	{words(`move (?:above|before) (\w+)\(\)`), func(place Edit, m []string) []Edit {
		place.moveBefore = m[1]
		return []Edit{place}
	}},
	{words(`move (?:below|after|behind) (\w+)\(\)( succeeded)?`), func(place Edit, m []string) []Edit {
		place.moveAfter, place.checked = m[1], m[2] != ""
		return []Edit{place}
	}},
	{words(`move to (\w+)\(\) after (\w+)\(\)( succeeded)?`), func(place Edit, m []string) []Edit {
		place.moveTo, place.moveAfter, place.checked = m[1], m[2], m[3] != ""
		return []Edit{place}
	}},
}

// Pieces of phrases.
const (
	deletion      = `(?:delete|remove|drop|omit|skip) `
	whole         = `(?:both |two )?(?:lines?|calls?|blocks?|statements?|if|loop|goto|return|assignment|condition and call|if ?(?:\+|and|with its) ?(?:call|body|block|else))`
	insertionWord = `(?:insert|add) ?`
	into          = `→|->|=>|by|with|to|becomes`
	quote         = "[\"`]?"
	quoted        = "[\"`](.+?)[\"`]"
)

// words makes an expression for a whole phrase.
func words(expr string) *regexp.Regexp { return regexp.MustCompile(`^` + expr + `$`) }

// jump is a statement that leaves.
var jump = regexp.MustCompile(`^(goto|return|break|continue)\b`)

// translate returns the edits that the words ask for at the place.
func translate(place Edit, words string) ([]Edit, error) {
	for _, p := range phrases {
		if m := p.words.FindStringSubmatch(words); m != nil {
			return p.edits(place, m), nil
		}
	}
	return nil, fmt.Errorf("%q is not understood", words)
}

// code returns an expression for a piece of C that begins with a word, or does not.
func code(c string) string {
	c = strings.TrimSpace(c)
	expr := regexp.QuoteMeta(c)
	if symbol.MatchString(c) {
		return `\b` + expr + `\(`
	}
	if c != "" && symbol.MatchString(c[:1]) {
		return `\b` + expr
	}
	return expr
}

// closed returns statements with the semicolon that ends them.
func closed(c string) string {
	c = strings.TrimSpace(c)
	if c == "" || strings.HasSuffix(c, ";") || strings.HasSuffix(c, "}") {
		return c
	}
	return c + ";"
}

// ParseFile reads mutants from a file: a table, or else TOML.
func ParseFile(name string, data []byte) (Set, error) {
	parse := Parse
	if first, _, _ := strings.Cut(string(data), "\n"); strings.Contains(first, "\t") {
		parse = ParseTable
	}
	set, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("%s: it has no mutants", name)
	}
	return set, nil
}
