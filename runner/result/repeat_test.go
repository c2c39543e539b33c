package result

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRepeatCommand(t *testing.T) {
	tests := []struct{ name, line, profile, want string }{
		{"TestRegisterFailure/bond/E8/bonding_masters", "6.12", "leak",
			`TEARDOWN_KERNEL=6.12 go test ./tests -count=1 -run '^TestRegisterFailure$/^bond$/^E8$/^bonding_masters$'`},
		{"TestRegisterFailure/bond/E2/x%s", "", "leak",
			`go test ./tests -count=1 -run '^TestRegisterFailure$/^bond$/^E2$/^x%s$'`},
		{"TestX/a.b(c)#01", "", "san",
			`go test ./tests -count=1 -run '^TestX$/^a\.b\(c\)#01$'`},
		{"TestX/bond", "6.12", "san",
			`go run ./runner run --kernel 6.12 --profile san --run '^TestX$/^bond$'`},
		{"TestX/it's", "a b/kernel.json", "",
			`TEARDOWN_KERNEL='a b/kernel.json' go test ./tests -count=1 -run '^TestX$/^it'\''s$'`},
	}
	for _, tt := range tests {
		if got := RepeatCommand(tt.name, tt.line, tt.profile); got != tt.want {
			t.Errorf("RepeatCommand(%q, %q, %q)\n got %s\nwant %s", tt.name, tt.line, tt.profile, got, tt.want)
		}
	}
}

// targetEnv makes TestRepeatTarget run.
const targetEnv = "TEARDOWN_TEST_REPEAT_TARGET"

// targets are names that a careless pattern or a careless quote gets wrong.
var targets = []string{"E8", "E8b", "x%s", "a.b", "a_b", "it's", "$(id)", "[a|b]", "a|b", "(", `back\slash`, "a/b", "same", "same"}

// TestRepeatTarget is what TestRepeatCommandRuns repeats.
func TestRepeatTarget(t *testing.T) {
	if os.Getenv(targetEnv) == "" {
		t.Skip("TestRepeatCommandRuns runs it")
	}
	for _, name := range targets {
		t.Run(name, func(*testing.T) {})
	}
}

// TestRepeatCommandRuns lets a shell read the command and this test binary
// match the pattern that reaches go test.
func TestRepeatCommandRuns(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell")
	}
	bin := t.TempDir()
	fake := "#!" + sh + "\nprintf '%s\\n' \"$TEARDOWN_KERNEL\" \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	all := ran(t, "^TestRepeatTarget$")
	if len(all) != len(targets) {
		t.Fatalf("%d cases ran, want %d: %q", len(all), len(targets), all)
	}
	for _, name := range all {
		cmd := exec.Command(sh, "-c", RepeatCommand(name, "tree $HOME", ""))
		cmd.Env = []string{"PATH=" + bin}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", name, err, out)
		}
		args := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		pattern := args[len(args)-1]
		want := []string{"tree $HOME", "test", "./tests", "-count=1", "-run", pattern}
		if diff := cmp.Diff(want, args); diff != "" {
			t.Errorf("%q: the shell sees (-want +got):\n%s", name, diff)
		}
		if got := ran(t, pattern); len(got) != 1 || got[0] != name {
			t.Errorf("%s runs %q, want just %q", pattern, got, name)
		}
	}
}

var resultLine = regexp.MustCompile(`(?m)^    --- PASS: (TestRepeatTarget/.*) \(`)

// ran returns the subtests of TestRepeatTarget that a pattern makes run.
func ran(t *testing.T, pattern string) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.v", "-test.run="+pattern)
	cmd.Env = append(os.Environ(), targetEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var names []string
	for _, m := range resultLine.FindAllStringSubmatch(string(out), -1) {
		names = append(names, m[1])
	}
	return names
}
