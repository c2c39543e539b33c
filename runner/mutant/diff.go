package mutant

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"slices"

	"github.com/rogpeppe/go-internal/diff"
)

// Diff returns the bug as a unified diff against the source of the kernel
// release: as people would write it, without a switch.
func (m *Mutant) Diff(tree fs.FS, release string) ([]byte, error) {
	if !m.Applies(release) {
		return nil, fmt.Errorf("%s does not apply to %s", m.ID, release)
	}
	src := newSources(tree)
	sites, err := m.sites(src, release)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.ID, err)
	}
	slices.SortFunc(sites, func(a, b site) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(b.start, a.start)) })
	var out bytes.Buffer
	for len(sites) > 0 {
		file := sites[0].file
		was, err := src.read(file)
		if err != nil {
			return nil, err
		}
		is := was
		for len(sites) > 0 && sites[0].file == file {
			is = sites[0].edit.plain(is, sites[0].span) // from the end on: what is before stays
			sites = sites[1:]
		}
		out.Write(diff.Diff("a/"+file, was, "b/"+file, is))
	}
	return out.Bytes(), nil
}
