package mutant

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
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
	edited, err := m.plain(src, release)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.ID, err)
	}
	var out bytes.Buffer
	for _, file := range slices.Sorted(maps.Keys(edited)) {
		was, err := src.read(file)
		if err != nil {
			return nil, err
		}
		out.Write(diff.Diff("a/"+file, was, "b/"+file, edited[file]))
	}
	return out.Bytes(), nil
}

// plain returns the files with the mutant in them, without a switch.
func (m *Mutant) plain(src *sources, release string) (map[string][]byte, error) {
	sites, err := m.sites(src, release)
	if err != nil {
		return nil, err
	}
	// From the end on: what is before stays where it is.
	slices.SortFunc(sites, func(a, b site) int { return cmp.Compare(b.start, a.start) })
	edited := map[string][]byte{}
	for _, at := range sites {
		if edited[at.file] == nil {
			if edited[at.file], err = src.read(at.file); err != nil {
				return nil, err
			}
		}
		edited[at.file] = at.edit.plain(edited[at.file], at.span)
	}
	return edited, nil
}
