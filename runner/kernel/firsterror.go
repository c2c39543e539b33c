package kernel

import (
	"regexp"
	"strings"
)

// errorLines finds the line that says why a build failed, the most telling
// kind first: a full disk hides behind compiler errors, and what make says
// about itself comes last.
var errorLines = []*regexp.Regexp{
	regexp.MustCompile(noSpace),
	regexp.MustCompile(`(?i)(^|[^a-z_])(fatal )?error: `),
	regexp.MustCompile(`undefined reference to|: not found$|command not found|No such file or directory`),
	regexp.MustCompile(`^E: `),
	regexp.MustCompile(`\*\*\* `),
}

const maxErrorLine = 300

// firstError returns the first line of a program's output that tells why it
// failed, the last line when none looks like it, "" when there is no output.
func firstError(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	for _, re := range errorLines {
		for _, line := range lines {
			if re.MatchString(line) {
				return shorten(line)
			}
		}
	}
	return shorten(lines[len(lines)-1])
}

func shorten(line string) string {
	line = strings.ToValidUTF8(strings.TrimSpace(line), "?")
	if r := []rune(line); len(r) > maxErrorLine {
		return string(r[:maxErrorLine]) + "..."
	}
	return line
}
