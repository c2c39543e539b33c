// Package sample is run by the tests of gotest in each mode of -test.v.
package sample

import (
	"fmt"
	"os"
	"testing"
)

func TestPlain(t *testing.T) {
	t.Log("a log\nof two lines")
	fmt.Println("printed past the log")
}

func TestKinds(t *testing.T) {
	for _, kind := range []string{"bond", "veth"} {
		t.Run(kind, func(t *testing.T) {
			for _, exit := range []string{"E2", "E8"} {
				t.Run(exit, func(t *testing.T) {
					t.Logf("provoking %s", exit)
					t.Parallel()
					t.Log("scanned")
					switch {
					case kind == "veth" && exit == "E8":
						t.Error("leaked\n  128 bytes")
					case exit == "E2":
						t.Skip("lacks it")
					}
				})
			}
			t.Log("all provoked")
		})
	}
	t.Parallel()
}

func TestSlashes(t *testing.T) {
	for _, name := range []string{"bond/E8/name", "bond", "bond/E9/name"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "bond/E9/name" {
				t.Error("a name of three elements")
			}
		})
	}
}

func TestStderr(t *testing.T) {
	fmt.Fprintln(os.Stderr, "to standard error")
	t.Attr("colour", "red green")
	t.Error("bad")
}
