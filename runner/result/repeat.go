package result

import (
	"regexp"
	"strings"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/kconfigs"
)

// RepeatCommand returns the shell command that runs just the case again, on the
// kernel line where one is given, and in the profile. Its -count=1 keeps go test
// from answering with a cached result.
func RepeatCommand(caseName, kernelLine, profile string) string {
	filter := shellQuote(ExactFilter(caseName))
	switch {
	case kernelLine == "":
		return "go test ./tests -count=1 -run " + filter
	case unusual(profile): // go test goes by the line alone
		return "go run ./runner run --kernel " + shellWord(kernelLine) + " --profile " + shellWord(profile) + " --run " + filter
	}
	return "TEARDOWN_KERNEL=" + shellWord(kernelLine) + " go test ./tests -count=1 -run " + filter
}

// ExactFilter returns the value of go test's -run that selects just the case.
func ExactFilter(caseName string) string {
	elements := strings.Split(caseName, "/")
	for i, e := range elements {
		elements[i] = "^" + regexp.QuoteMeta(e) + "$"
	}
	return strings.Join(elements, "/")
}

// unusual reports whether a profile is not the default one.
func unusual(profile string) bool {
	usual, err := kconfigs.FindProfile("")
	return profile != "" && (err != nil || profile != usual.Name)
}

// repeat returns the command that repeats c, fit to be printed.
func (r *Run) repeat(c *verdict.Case) string {
	command := c.Repeat
	if command == "" {
		command = RepeatCommand(c.Name, r.Kernel.Line, r.Kernel.Profile)
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
