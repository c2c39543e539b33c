package result

import (
	"regexp"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
)

// RepeatCommand returns the shell command that runs just the case again, on the
// kernel line where one is given. Its -count=1 keeps go test from answering
// with a cached result.
func RepeatCommand(caseName, kernelLine string) string {
	elements := strings.Split(caseName, "/")
	for i, e := range elements {
		elements[i] = "^" + regexp.QuoteMeta(e) + "$"
	}
	command := "go test ./tests -count=1 -run " + shellQuote(strings.Join(elements, "/"))
	if kernelLine == "" {
		return command
	}
	return "TEARDOWN_KERNEL=" + shellWord(kernelLine) + " " + command
}

// repeat returns the command that repeats c, fit to be printed.
func (r *Run) repeat(c *verdict.Case) string {
	command := c.Repeat
	if command == "" {
		command = RepeatCommand(c.Name, r.Kernel.Line)
	}
	return strings.ReplaceAll(clean(command), "\n", "\uFFFD")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9._/:@%+-]+$`)

// shellWord quotes s for a POSIX shell where that is needed.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return shellQuote(s)
}

// shellQuote quotes s for a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
