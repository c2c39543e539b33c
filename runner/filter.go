package main

import (
	"regexp"
	"strings"
)

// exactly returns the expression for --run that selects the case of that name
// and no other.
func exactly(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}
