package suite

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/wire"
)

func TestReadLines(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, test := range []struct {
		name, text string
		want       []string
		err        error
	}{
		{"lines", "a\nbb\n", []string{"a\n", "bb\n"}, nil},
		{"a line without an end", "a\n{\"type\":", []string{"a\n"}, nil},
		{"a long line", long + "\n", []string{long + "\n"}, nil},
		{"too long a line", "a\n" + strings.Repeat(long, 9), []string{"a\n"}, errLongMessage},
		{"nothing", "", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(test.text), iotest.HalfReader(strings.NewReader(test.text))} {
				var got []string
				err := readLines(r, func(line []byte) { got = append(got, string(line)) })
				if diff := cmp.Diff(test.want, got); diff != "" || !errors.Is(err, test.err) {
					t.Errorf("error %v; want (-), got (+):\n%s", err, diff)
				}
			}
		})
	}
}

func TestDecode(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{`{"code":3}`, ""},
		{`{"code":3} {}`, "more than one value in a line"},
		{`{"colour":3}`, `json: unknown field "colour"`},
		{`{"code":`, "unexpected EOF"},
		{``, "EOF"},
	} {
		var exit wire.Exit
		err := decode([]byte(test.line), &exit)
		if got := errorText(err); got != test.want {
			t.Errorf("%s: error %q, want %q", test.line, got, test.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestToldNonsense: what no guest would say ends it.
func TestToldNonsense(t *testing.T) {
	for _, line := range []string{
		`{"type":"control"}`,
		`{"type":"control","control":{"saw":true}}`,
		`{"type":"control","control":{"oracle":"log","saw":true,"absent":true}}`,
		`{"type":"phase","seconds":1}`,
		`{"type":"phase","phase":"scan","seconds":-1}`,
		`{"type":"claim"}`,
		`{"type":"walk"}`,
	} {
		s := &session{}
		if err := s.told(&guest{}, []byte(line)); err == nil {
			t.Errorf("%s makes sense", line)
		}
	}
}

// FuzzMessages hands a session anything on both ports of a guest.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(`{"type":"claim","test":"TestA"}`))
	f.Add([]byte(`{"type":"verdict","test":"TestA","case":{"name":"TestA","verdict":"pass"}}`))
	f.Add([]byte(`{"type":"control"}`))
	f.Add([]byte(`{"type":"control","control":{"oracle":"account","absent":true,"detail":"no /proc/allocinfo"}}`))
	f.Add([]byte(`{"type":"phase","phase":"remains","seconds":0.25}`))
	f.Add([]byte(`{"type":"verdict","test":"TestA","case":{"name":"TestA","verdict":"pass","sites":[{"alloc":"a < b","count":2,"injections":"1-2"}]}}`))
	f.Add([]byte(`{"release":"6.12.1","version":"","uptime":0}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		s := &session{config: Config{Progress: func(Event) {}}, plan: &plan{}, round: &round{works: map[string]*work{}}}
		s.merger = nopMerger()
		g := &guest{console: &console{}, number: 1, out: make(chan message, maxUnread), open: ports, machine: &fake{}}
		for _, take := range []func(*guest, []byte) error{s.told, s.control} {
			if err := take(g, line); err == nil && len(line) == 0 {
				t.Error("an empty line is a message")
			}
		}
	})
}

func TestConsole(t *testing.T) {
	dir := t.TempDir()
	panics := 0
	c, err := openConsole(filepath.Join(dir, "made"), 3)
	if err != nil {
		t.Fatal(err)
	}
	c.heard, c.panic = func() {}, func() { panics++ }
	line := strings.Repeat("x", 99) + "\n"
	for range 5000 {
		c.Write([]byte(line))
	}
	for _, b := range []byte("Kernel panic - not syncing: one\nKernel panic - not syncing: two\n") {
		c.Write([]byte{b})
	}
	mark := c.mark()
	c.Write([]byte("the last line\n"))
	if got := string(c.after(mark)); got != "the last line\n" {
		t.Errorf("after a mark: %q", got)
	}
	if got := c.after(c.mark()); len(got) != 0 {
		t.Errorf("after the end: %q", got)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
	if panics != 1 {
		t.Errorf("saw %d panics", panics)
	}
	if n := len(c.after(0)); n != consoleTail {
		t.Errorf("keeps %d bytes", n)
	}
	if got := lastLines(c.after(0), 3); got != "Kernel panic - not syncing: one | Kernel panic - not syncing: two | the last line" {
		t.Errorf("last lines %q", got)
	}
	info, err := os.Stat(filepath.Join(dir, "made", "console-3.log"))
	if err != nil || info.Size() != 5000*100+64+14 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if _, err := openConsole("/dev/null/x", 1); err == nil || !strings.HasPrefix(err.Error(), "make the folder of the results: ") {
		t.Errorf("error %v", err)
	}
}

func TestLastLines(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		"a\n\n b \r\n\x1b[1mc": "a | b | [1mc",
		"1\n2\n3\n4\n":         "2 | 3 | 4",
		"\xff\n":               "?",
	} {
		if got := lastLines([]byte(text), 3); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestLastWords(t *testing.T) {
	title, lines := lastWords([]byte("[    1.000000] booting\n[    3.000000] Kernel panic - not syncing: Fatal exception\n[    3.1] x\n"))
	if title != "Kernel panic - not syncing: Fatal exception" || len(lines) != 2 {
		t.Errorf("%q, %q", title, lines)
	}
	if title, lines := lastWords(nil); title != "" || len(lines) != 0 {
		t.Errorf("of nothing: %q, %q", title, lines)
	}
}
