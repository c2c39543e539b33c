// Package tests is the suite: cases as ordinary Go tests. On the host, its test
// binary boots a kernel and runs itself there; what the guest prints is what go
// test prints.
package tests

import (
	_ "embed"
	"fmt"
	"os"
	"testing"

	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/runner/suite"
)

//go:embed known-issues.toml
var knownIssues []byte

func TestMain(m *testing.M) {
	known, err := verdict.LoadKnown(knownIssues)
	if err != nil {
		fmt.Fprintf(os.Stderr, "known-issues.toml: %v\n", err)
		os.Exit(2)
	}
	if guest.In() {
		os.Exit(guest.Main(m, known))
	}
	os.Exit(suite.Main(m, known))
}
