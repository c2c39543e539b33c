package mutant

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"netdev.test/teardown/initramfs/device"
)

// Rounds returns which cases are tried on the mutant, one expression for go test
// -run after the other: those that its entry names; of the kinds of devices that
// it is about the short ones, then all; and the whole suite.
func (m *Mutant) Rounds() []string {
	var rounds []string
	if m.Run != "" {
		rounds = append(rounds, m.Run)
	}
	if kinds := m.kinds(); len(kinds) > 0 {
		of := "/^(" + strings.Join(kinds, "|") + ")(,|$)"
		rounds = append(rounds, "^Test(RegisterFailure|LifeCycle|LowerRemoved|NamespaceExit)$"+of, "^Test"+of)
	}
	return append(rounds, "")
}

// Files returns the files that the mutant edits, on any line.
func (m *Mutant) Files() []string {
	var files []string
	for _, e := range m.Edits {
		for _, f := range e.File {
			if !slices.Contains(files, f) {
				files = append(files, f)
			}
		}
	}
	return files
}

// everyKind are folders of code that is not about one kind.
var everyKind = []string{"net/core", "net/ipv4", "net/ipv6", "drivers/net"}

// plain are kinds that stand for all where a mutant is about no one of them.
var plain = []string{"dummy", "veth"}

// namespaces are words for the making and the end of a network namespace, the cases
// of which are those of its loopback.
var namespaces = []string{"unshare", "netns", "namespace", "namespaces"}

var word = regexp.MustCompile(`[a-z0-9_]+`)

// kinds returns the kinds of devices that the mutant is about: those whose driver
// it edits, or which the words about its trigger name.
func (m *Mutant) kinds() []string {
	named := word.FindAllString(strings.ToLower(m.trigger), -1)
	var kinds []string
	for _, k := range device.Kinds {
		about := slices.Contains(named, k.Name)
		for _, f := range m.Files() {
			folder := path.Dir(f)
			about = about || f == k.Source || folder == path.Dir(k.Source) && !slices.Contains(everyKind, folder)
		}
		if about && !slices.Contains(kinds, k.Name) {
			kinds = append(kinds, k.Name)
		}
	}
	if slices.ContainsFunc(named, func(w string) bool { return slices.Contains(namespaces, w) }) {
		kinds = append(kinds, "lo")
	}
	if len(kinds) == 0 {
		return plain
	}
	return kinds
}
