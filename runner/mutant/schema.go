package mutant

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Schemata is a kernel source with mutants in it, each behind its switch.
type Schemata struct {
	// Files are the files of the source that differ or are new, by their paths.
	Files map[string][]byte
	// In are the mutants in it, and the files that each is in; Refused are those of
	// the line that are not, and why.
	In      map[string][]string
	Refused map[string]error

	lines map[place][]string // which mutants stand where
}

// Parameter is what turns a mutant on, on the kernel's command line.
const Parameter = "teardown.mutant"

// Names of what the schemata add to a tree.
const (
	switchFile = "kernel/teardown_mutant.c"
	switchMake = "kernel/Makefile"
)

// Argument returns the kernel argument that turns the mutant on.
func Argument(id string) string { return Parameter + "=" + id }

// number is the value of the switch that turns a mutant on. It depends on the id
// alone, so that one mutant more leaves the files of the others as they are, and
// make has little to do.
func number(id string) int { return int(crc32.ChecksumIEEE([]byte(id))>>1) | 1<<30 }

// Evidence is what the kernel logs when it turns the mutant on.
func Evidence(id string) string { return "teardown: mutant " + id + " is on" }

// Without returns the mutants but for those that are named.
func (s Set) Without(ids map[string]error) Set {
	return slices.DeleteFunc(slices.Clone(s), func(m Mutant) bool { return ids[m.ID] != nil })
}

// place is a line of a file of the source.
type place struct {
	file string
	line int
}

var complaint = regexp.MustCompile(`([\w./-]+\.[ch]):(\d+):`)

// Guilty returns the mutants that stand in a line about which the compiler
// complains in err: no edit moves a line.
func (s *Schemata) Guilty(err error) []string {
	if s == nil || err == nil {
		return nil
	}
	var guilty []string
	for _, m := range complaint.FindAllStringSubmatch(err.Error(), -1) {
		line, _ := strconv.Atoi(m[2]) // digits, by the expression
		for at, ids := range s.lines {
			if line == at.line && (m[1] == at.file || strings.HasSuffix(m[1], "/"+at.file)) {
				guilty = append(guilty, ids...)
			}
		}
	}
	slices.Sort(guilty)
	return slices.Compact(guilty)
}

// A change is the site of one mutant in the schemata.
type change struct {
	site
	number int
	id     string
}

// Apply makes the schemata of the mutants that apply to the kernel release, the
// source of which is tree. One that has to be alone must be.
func (s Set) Apply(tree fs.FS, release string) (*Schemata, error) {
	src := newSources(tree)
	if len(s) == 1 && s[0].Alone() {
		return s.applyAlone(src, release)
	}
	out := &Schemata{Files: map[string][]byte{}, In: map[string][]string{}, Refused: map[string]error{}, lines: map[place][]string{}}
	changes := map[string][]change{}
	for i := range s {
		m := &s[i]
		if !m.Applies(release) {
			continue
		}
		sites, err := m.sites(src, release)
		if err == nil && m.Alone() {
			err = errors.New("cannot be applied: it needs a kernel of its own")
		}
		if err == nil {
			err = crossing(changes, sites)
		}
		if err != nil {
			out.Refused[m.ID] = err
			continue
		}
		for _, at := range sites {
			if !slices.Contains(out.In[m.ID], at.file) {
				out.In[m.ID] = append(out.In[m.ID], at.file)
			}
			changes[at.file] = append(changes[at.file], change{at, number(m.ID), m.ID})
		}
	}
	for file, list := range changes {
		text, err := src.read(file)
		if err != nil {
			return nil, err
		}
		out.Files[file] = switched(text, list)
		for _, c := range list {
			first := bytes.Count(text[:c.start], []byte("\n")) + 1
			for n := range bytes.Count(text[c.start:c.end], []byte("\n")) + 1 {
				at := place{file, first + n}
				out.lines[at] = append(out.lines[at], c.id)
			}
		}
	}
	return out, s.addSwitch(out, src)
}

// applyAlone makes the source of the one mutant, without a switch. That there is one
// all the same makes the kernel tell whose it is.
func (s Set) applyAlone(src *sources, release string) (*Schemata, error) {
	m := &s[0]
	out := &Schemata{Files: map[string][]byte{}, In: map[string][]string{}, Refused: map[string]error{}}
	edited, err := m.plain(src, release)
	if err != nil {
		out.Refused[m.ID] = err
	} else {
		out.Files = edited
		out.In[m.ID] = slices.Sorted(maps.Keys(edited))
	}
	return out, s.addSwitch(out, src)
}

// addSwitch adds the switch to the source.
func (s Set) addSwitch(out *Schemata, src *sources) error {
	makefile, err := src.read(switchMake)
	if err != nil {
		return err
	}
	out.Files[switchMake] = fmt.Appendf(nil, "%s\nobj-y += teardown_mutant.o\n", bytes.TrimRight(makefile, "\n"))
	out.Files[switchFile] = s.source(out.In)
	return nil
}

// sites returns the places that the mutant changes on the kernel release.
func (m *Mutant) sites(src *sources, release string) ([]site, error) {
	if m.refused != "" {
		return nil, fmt.Errorf("cannot be applied: %s", m.refused)
	}
	var all []site
	for i := range m.Edits {
		e := &m.Edits[i]
		if !within(e.kernels, release) {
			continue
		}
		found, err := e.sites(src, release)
		if err != nil {
			return nil, fmt.Errorf("cannot be applied: %w", err)
		}
		for _, at := range found {
			for _, other := range all {
				if other.file == at.file && other.overlaps(at.span) {
					return nil, fmt.Errorf("cannot be applied: two of its edits overlap in %s", at.file)
				}
			}
			all = append(all, at)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("cannot be applied: no edit of it is for %s", release)
	}
	return all, nil
}

// crossing reports an edit that overlaps another one halfway: one of the two
// would end inside the other.
func crossing(changes map[string][]change, sites []site) error {
	for _, at := range sites {
		for _, c := range changes[at.file] {
			if c.overlaps(at.span) && !c.contains(at.span) && !at.contains(c.span) {
				return fmt.Errorf("cannot be applied: it overlaps with %s in %s, and neither is inside the other", c.id, at.file)
			}
		}
	}
	return nil
}

// An insertion is what is put into a text.
type insertion struct {
	at   int
	text string
}

// switched returns the text with the changes, each behind its switch. The
// number of lines stays: even the declaration of the switch stands in the
// first one.
func switched(text []byte, list []change) []byte {
	// The widest comes first: its prefix stands before, its suffix behind the
	// others at the same place.
	slices.SortStableFunc(list, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end))
	})
	var opens, closes []insertion
	for _, c := range list {
		prefix, suffix := c.edit.wrap(c.number, text[c.start:c.end])
		opens = append(opens, insertion{c.start, prefix})
		closes = append(closes, insertion{c.end, suffix})
	}
	slices.Reverse(closes)
	slices.SortStableFunc(closes, func(a, b insertion) int { return cmp.Compare(a.at, b.at) })
	var out bytes.Buffer
	out.WriteString("extern int teardown_mutant; ")
	at := 0
	put := func(i insertion) {
		out.Write(text[at:i.at])
		out.WriteString(i.text)
		at = i.at
	}
	for len(opens)+len(closes) > 0 {
		// What ends at a place ends before the next begins there.
		if len(opens) == 0 || len(closes) > 0 && closes[0].at <= opens[0].at {
			put(closes[0])
			closes = closes[1:]
			continue
		}
		put(opens[0])
		opens = opens[1:]
	}
	out.Write(text[at:])
	return out.Bytes()
}

// source is the C source of the switch. Drivers may be modules, so it is
// exported.
func (s Set) source(in map[string][]string) []byte {
	var b strings.Builder
	b.WriteString(`// SPDX-License-Identifier: GPL-2.0-only
// Bugs are compiled into this kernel: at most one of them is on, the one that
// ` + Parameter + ` on the kernel's command line names.
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/string.h>

extern int teardown_mutant;
int teardown_mutant;
EXPORT_SYMBOL(teardown_mutant);

static const struct {
	const char *id;
	int number;
} teardown_mutants[] __initconst = {
`)
	for i := range s {
		if in[s[i].ID] != nil {
			fmt.Fprintf(&b, "\t{ %q, %d },\n", s[i].ID, number(s[i].ID))
		}
	}
	b.WriteString(`};

static int __init teardown_mutant_setup(char *id)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(teardown_mutants); i++)
		if (id && !strcmp(id, teardown_mutants[i].id))
			teardown_mutant = teardown_mutants[i].number;
	if (teardown_mutant)
		pr_notice("teardown: mutant %s is on\n", id);
	else
		pr_err("teardown: no mutant %s in this kernel\n", id ? id : "");
	return 0;
}
early_param("` + Parameter + `", teardown_mutant_setup);
`)
	return []byte(b.String())
}
