package verdict

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// Issue is a defect of the kernel that is known: what it looks like, where it
// is met, and why it is tolerated there. [LoadKnown] makes it.
type Issue struct {
	ID    string `toml:"id"`    // bridge-fdb-local
	Title string `toml:"title"` // the defect in one line, for people
	// Oracle, Signature and Detail say which findings are this issue:
	// Signature is a regular expression that the finding's Title must match,
	// Detail, where there is one, another that its Detail must match.
	Oracle    Oracle `toml:"oracle"`
	Signature string `toml:"signature"`
	Detail    string `toml:"detail"`
	// Kinds, Exits and Cases say which cases may meet it: device kinds or "*",
	// exits of register_netdevice(), all of them when there are none, and a regular
	// expression that the case's name must match, if there is one.
	Kinds List   `toml:"kinds"`
	Exits List   `toml:"exits"`
	Cases string `toml:"cases"`
	// Triggers are those that are known to provoke it: only when one of them
	// ran can its absence mean that it is fixed. None means any.
	Triggers List `toml:"triggers"`
	// Kernels are the ranges of releases that have it (">=6.12 <7.4"); one of
	// them must hold.
	Kernels List `toml:"kernels"`
	// Sometimes says that it is a race: its absence means nothing.
	Sometimes bool `toml:"sometimes"`
	// Spoils says that it leaves something by which later cases in the same guest fail.
	Spoils bool `toml:"spoils"`
	// Reason says why it is there and tolerated, Evidence how that was seen.
	Reason   string `toml:"reason"`
	Evidence string `toml:"evidence"`
	Link     string `toml:"link"` // where it was reported
	Fix      string `toml:"fix"`  // the commit that mends it

	signature, detail, cases *regexp.Regexp // nil where there is none
	kernels                  Releases
}

// Issues are known issues in the order of their file.
type Issues []Issue

// anyKind in Kinds means every device kind.
const anyKind = "*"

// LoadKnown reads a list of known issues (tests/known-issues.toml). A key that
// does not exist, an expression that does not compile, a range that does not
// parse and an issue without a reason or evidence are errors.
func LoadKnown(data []byte) (Issues, error) {
	var file struct {
		Issue Issues `toml:"issue"`
	}
	meta, err := toml.Decode(string(data), &file)
	if err != nil {
		return nil, fmt.Errorf("known issues: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("known issues: %w", unknownKey(string(data), unknown[0]))
	}
	ids := map[string]bool{}
	for i := range file.Issue {
		issue := &file.Issue[i]
		if err := issue.compile(); err != nil {
			return nil, fmt.Errorf("known issues: issue %d %q: %w", i+1, issue.ID, err)
		}
		if ids[issue.ID] {
			return nil, fmt.Errorf("known issues: issue %d %q: its id is taken by an earlier one", i+1, issue.ID)
		}
		ids[issue.ID] = true
	}
	return file.Issue, nil
}

// Explain sets Known of each finding of c that is a known issue of the kernel
// release (as uname -r shows it), and clears it of all others.
func (issues Issues) Explain(release string, c *Case) {
	for i := range c.Evidence {
		f := &c.Evidence[i]
		f.Known = ""
		for j := range issues {
			if issues[j].explains(release, c, *f) {
				f.Known = issues[j].ID
				break
			}
		}
	}
}

// Alone reports whether a case like c is for a guest of its own: an issue of the kernel
// release is that it kills the kernel, or leaves what others fail by.
func (issues Issues) Alone(release string, c *Case) bool {
	return slices.ContainsFunc(issues, func(i Issue) bool {
		return (i.Oracle == Guest || i.Spoils) && i.covers(c) && i.in(release) &&
			(len(i.Triggers) == 0 || slices.Contains(i.Triggers, c.Trigger))
	})
}

// Fixed returns the issues of the kernel release that the cases should have met
// and did not: cases of all its kinds and exits and one of its triggers ran to
// their end, and none of them met it. The findings must have been explained.
func (issues Issues) Fixed(cases []Case, release string) Issues {
	var fixed Issues
	for _, issue := range issues {
		if !issue.Sometimes && issue.in(release) && issue.absent(cases) {
			fixed = append(fixed, issue)
		}
	}
	return fixed
}

// compile checks the issue and prepares it for matching.
func (i *Issue) compile() error {
	required := []struct{ key, value string }{
		{"id", i.ID}, {"title", i.Title}, {"oracle", string(i.Oracle)}, {"signature", i.Signature},
		{"kinds", strings.Join(i.Kinds, " ")}, {"kernels", strings.Join(i.Kernels, " ")},
		{"reason", i.Reason}, {"evidence", i.Evidence},
	}
	for _, r := range required {
		if strings.TrimSpace(r.value) == "" {
			return fmt.Errorf("%s is missing", r.key)
		}
	}
	// A trigger that missed its exit is no defect of the kernel.
	if i.Oracle == Trigger || !slices.Contains(Oracles(), i.Oracle) {
		return fmt.Errorf("oracle %q is none that can speak of a kernel", i.Oracle)
	}
	if len(i.Kinds) > 1 && slices.Contains(i.Kinds, anyKind) {
		return errors.New(`kinds: "*" stands alone`)
	}
	var err error
	if i.kernels, err = ParseReleases(i.Kernels); err != nil {
		return fmt.Errorf("kernels: %w", err)
	}
	for _, e := range []struct {
		key, expr string
		re        **regexp.Regexp
	}{{"signature", i.Signature, &i.signature}, {"detail", i.Detail, &i.detail}, {"cases", i.Cases, &i.cases}} {
		if e.expr == "" {
			continue
		}
		if *e.re, err = compileSignature(e.expr); err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
	}
	return nil
}

// compileSignature compiles an expression that must tell one defect from
// another, so one that matches anything is an error.
func compileSignature(expr string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	if re.MatchString("") {
		return nil, fmt.Errorf("%q matches everything", expr)
	}
	return re, nil
}

// explains reports whether finding f of c is the issue.
func (i *Issue) explains(release string, c *Case, f Finding) bool {
	return f.Oracle == i.Oracle && i.covers(c) && i.in(release) &&
		i.signature != nil && i.signature.MatchString(f.Title) &&
		(i.detail == nil || i.detail.MatchString(f.Detail))
}

// covers reports whether c may meet the issue.
func (i *Issue) covers(c *Case) bool {
	return (slices.Contains(i.Kinds, anyKind) || slices.Contains(i.Kinds, c.Kind)) &&
		(len(i.Exits) == 0 || slices.Contains(i.Exits, c.Exit)) &&
		(i.cases == nil || i.cases.MatchString(c.Name))
}

// in reports whether the kernel release is one that has the issue. A release
// that cannot be read has none.
func (i *Issue) in(release string) bool { return i.kernels.Contain(release) }

// absent reports whether the cases prove that the issue did not occur.
func (i *Issue) absent(cases []Case) bool {
	kinds, exits, triggers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for j := range cases {
		c := &cases[j]
		if !i.covers(c) || c.Verdict == Skip {
			continue
		}
		if c.Verdict == Unknown || slices.ContainsFunc(c.Evidence, func(f Finding) bool {
			return f.Known == i.ID || f.Oracle == Guest
		}) {
			return false
		}
		kinds[c.Kind], exits[c.Exit], triggers[c.Trigger] = true, true, true
	}
	ran := func(in map[string]bool) func(string) bool {
		return func(s string) bool { return !in[s] && s != anyKind }
	}
	return len(kinds) > 0 &&
		!slices.ContainsFunc(i.Kinds, ran(kinds)) &&
		!slices.ContainsFunc(i.Exits, ran(exits)) &&
		(len(i.Triggers) == 0 || slices.ContainsFunc(i.Triggers, func(t string) bool { return triggers[t] }))
}

// A List is a list of strings in TOML; a string alone is a list of one.
type List []string

// UnmarshalTOML implements [toml.Unmarshaler].
func (l *List) UnmarshalTOML(v any) error {
	if s, ok := v.(string); ok {
		*l = List{s}
		return nil
	}
	elements, ok := v.([]any)
	if !ok {
		return fmt.Errorf("want a string or a list of strings, got %T", v)
	}
	*l = nil
	for _, e := range elements {
		s, ok := e.(string)
		if !ok || s == "" {
			return fmt.Errorf("want a list of strings that are not empty, got %v in it", e)
		}
		*l = append(*l, s)
	}
	return nil
}

// refused is the type of a key that does not exist.
type refused struct{}

var errUnknownKey = errors.New("there is no such key")

// UnmarshalTOML implements [toml.Unmarshaler].
func (*refused) UnmarshalTOML(any) error { return errUnknownKey }

// unknownKey returns the error for a key that does not exist, with its line.
// The decoder knows the line of a key only while it decodes it: so data is
// decoded again into a type that has the key and refuses it.
func unknownKey(data string, key toml.Key) error {
	path := key[:1]
	if key[0] == "issue" {
		path = key[:min(2, len(key))]
	}
	t := reflect.TypeFor[refused]()
	for depth, name := range slices.Backward(path) {
		t = reflect.StructOf([]reflect.StructField{{
			Name: "Key", Type: t, Tag: reflect.StructTag("toml:" + strconv.Quote(name)),
		}})
		if depth == 1 {
			t = reflect.SliceOf(t)
		}
	}
	_, err := toml.Decode(data, reflect.New(t).Interface())
	if refusal, ok := errors.AsType[toml.ParseError](err); ok && refusal.Message == errUnknownKey.Error() {
		return refusal
	}
	return fmt.Errorf("key %s: %w", key, errUnknownKey)
}
