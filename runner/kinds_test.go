package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/kconfigs"
)

var update = flag.Bool("update", false, "rewrite the table of kinds in README.md")

// Marks around the table in README.md.
const (
	kindsBegin = "<!-- kinds: go test ./runner -run TestKindsInREADME -update -->\n"
	kindsEnd   = "<!-- end of kinds -->"
)

// TestKindsInREADME keeps the table in README.md that of the catalogue.
func TestKindsInREADME(t *testing.T) {
	const file = "../README.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), kindsBegin)
	table, after, closed := strings.Cut(rest, kindsEnd)
	if !found || !closed {
		t.Fatalf("%s has no table of kinds", file)
	}
	lines, err := kconfigs.Lines()
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	if err := kindsMarkdown(&want, lines); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+kindsBegin+want.String()+kindsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), table); diff != "" {
		t.Errorf("the table is not that of the catalogue (run with -update):\n%s", diff)
	}
}
