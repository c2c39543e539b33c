package kmod

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// fakeModule opens a module whose files are ordinary ones.
func fakeModule(t *testing.T) *Module {
	t.Helper()
	debugfs := t.TempDir()
	dir := filepath.Join(debugfs, Name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"layout", "veto", "fail", "plant"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Open(debugfs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestCommands(t *testing.T) {
	tests := []struct {
		file, want string
		do         func(*Module) error
	}{
		{"veto", "NETDEV_POST_INIT td* 2 -43 2147483647", func(m *Module) error {
			return m.Veto(Veto{"NETDEV_POST_INIT", "td*", 2, unix.EIDRM, 1<<31 - 1})
		}},
		{"veto", "NETDEV_UP td0 1 -12 -2147483648", func(m *Module) error {
			return m.Veto(Veto{"NETDEV_UP", "td0", 1, unix.ENOMEM, -1 << 31})
		}},
		{"veto", "off", (*Module).LiftVeto},
		{"fail", "dummy:dummy_dev_init -12 3 1", func(m *Module) error { return m.Fail(Failure{"dummy:dummy_dev_init", -12, 3, 1}) }},
		{"fail", "off", (*Module).StopFailing},
		{"plant", "leak", func(m *Module) error { return m.Plant(Leak) }},
		{"plant", "percpu", func(m *Module) error { return m.Plant(PerCPU) }},
		{"plant", "netdev", func(m *Module) error { return m.Plant(Netdev) }},
		{"plant", "twice", func(m *Module) error { return m.Plant(Twice) }},
		{"plant", "undo", (*Module).Undo},
		{"plant", "warning 1500", func(m *Module) error { return m.Warn(1500 * time.Millisecond) }},
		{"plant", "hold td0", func(m *Module) error { return m.Hold("td0") }},
		{"plant", "put", (*Module).Put},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			m := fakeModule(t)
			if err := tt.do(m); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(m.dir, tt.file)); err != nil || string(got) != tt.want {
				t.Errorf("%s got %q, error %v", tt.file, got, err)
			}
		})
	}
}

func TestCounts(t *testing.T) {
	m := fakeModule(t)
	write := func(file, text string) {
		if err := os.WriteFile(filepath.Join(m.dir, file), []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	write("veto", "hits 3\n")
	write("fail", "calls 17 hits 2\n")
	hits, err := m.Vetoed()
	if err != nil || hits != 3 {
		t.Errorf("%d vetoed, error %v", hits, err)
	}
	if calls, hits, err := m.Failed(); err != nil || calls != 17 || hits != 2 {
		t.Errorf("%d failed of %d, error %v", hits, calls, err)
	}
	write("fail", "calls many\n")
	if _, _, err := m.Failed(); err == nil || !strings.Contains(err.Error(), "read from module teardown") {
		t.Errorf("error %v", err)
	}
}

func TestErrors(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrAbsent) {
		t.Errorf("no module: %v", err)
	}
	debugfs := t.TempDir()
	if err := os.Mkdir(filepath.Join(debugfs, Name), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(debugfs); err == nil || errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "open veto of module teardown") {
		t.Errorf("half a module: %v", err)
	}
	m := &Module{veto: -1, fail: -1, plant: -1}
	if err := m.Plant(Leak); !errors.Is(err, unix.EBADF) || !strings.Contains(err.Error(), `module teardown: "leak"`) {
		t.Errorf("a write that fails: %v", err)
	}
}

// TestSource checks that the host gets everything that Kbuild asks for.
func TestSource(t *testing.T) {
	kbuild, err := fs.ReadFile(Source(), "Kbuild")
	if err != nil {
		t.Fatal(err)
	}
	objects := 0
	for _, word := range strings.Fields(string(kbuild)) {
		name, ok := strings.CutSuffix(word, ".o")
		if !ok || name == Name {
			continue
		}
		objects++
		if _, err := fs.Stat(Source(), name+".c"); err != nil {
			t.Error(err)
		}
	}
	if objects < 2 {
		t.Errorf("%d objects in Kbuild", objects)
	}
}

// layout is what the module said on line 6.12.
const layout = `net_device.dev 1344 464
net_device.dev_refcnt 1288 4
net_device.reg_state 1312 1
`

func TestParseLayout(t *testing.T) {
	got, err := ParseLayout([]byte(layout))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Field{
		"net_device.dev":        {1344, 464},
		"net_device.dev_refcnt": {1288, 4},
		"net_device.reg_state":  {1312, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"a 1", "a 1 2 3", "a x 1", "a 1 -1", "a 1 99999999999", "\n"} {
		if _, err := ParseLayout([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func FuzzParseLayout(f *testing.F) {
	f.Add([]byte(layout))
	f.Add([]byte("a 1 2"))
	f.Add([]byte("a 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		fields, err := ParseLayout(text)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("error %v", err)
		}
		for name, field := range fields {
			if name == "" || field.Offset < 0 || field.Size < 0 {
				t.Errorf("%q: %+v", name, field)
			}
		}
	})
}
