package trace

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "rewrite the expectations under testdata")

// readTrace reads a trace file without its comment lines.
func readTrace(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return []byte(strings.Join(lines, ""))
}

// TestExitsGolden checks the exits told from captured traces. Addresses are left
// out of the expectation.
func TestExitsGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.trace")
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			events, err := Parse(readTrace(t, file))
			if err != nil {
				t.Fatal(err)
			}
			returns := Exits(events)
			for i := range returns {
				if returns[i].Device == 0 {
					t.Errorf("return %d: no device", i)
				}
				returns[i].Device = 0
			}
			got, err := json.MarshalIndent(returns, "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".trace") + ".json"
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
				t.Errorf("exits differ (-want +got):\n%s", diff)
			}
		})
	}
}

// event makes an event with one argument.
func event(name, key string, value int64) Event {
	return Event{Name: name, Args: map[string]int64{key: value}}
}

func TestExits(t *testing.T) {
	enter := event(eventRegister, "dev", 1)
	leave := func(errno unix.Errno) Event { return event(eventRegisterRet, "ret", -int64(errno)) }
	notify := func(val, ret int64) []Event {
		return []Event{event(eventNotify, "val", val), event(eventNotifyRet, "ret", ret)}
	}
	initRet := func(ret int64) Event { return event(InitEvent("x"), "ret", ret) }
	for _, tt := range []struct {
		name   string
		events []Event
		want   Exit
	}{
		{"name", []Event{enter, leave(unix.EINVAL)}, Name},
		{"name node", []Event{enter, leave(unix.ENOMEM)}, NameNode},
		{"init", []Event{enter, initRet(-12), leave(unix.ENOMEM)}, NdoInit},
		{"init positive", []Event{enter, initRet(1), leave(unix.EIO)}, NdoInit},
		{"pcpu", []Event{enter, initRet(0), leave(unix.ENOMEM)}, PcpuStats},
		{"index before 6.6", []Event{enter, initRet(0), leave(unix.EBUSY)}, Index},
		{"index", []Event{enter, initRet(0), event(eventIndexRet, "ret", -12), leave(unix.ENOMEM)}, Index},
		{"post init", append(append([]Event{enter, initRet(0)}, notify(17, 0x8000|13)...), leave(unix.ENOMEM)), PostInit},
		{"kobject", []Event{enter, event(eventKobjectRet, "ret", -17), leave(unix.EEXIST)}, Kobject},
		{"register", append(append([]Event{enter, event(eventKobjectRet, "ret", 0)}, notify(5, 0x8000|13)...), leave(unix.ENOMEM)), Register},
		{"nested event inside REGISTER", append(append([]Event{enter, event(eventNotify, "val", 5)}, notify(12, 0x8000|13)...),
			event(eventNotifyRet, "ret", 1), leave(0)), OK},
		{"only the first failure counts", []Event{enter, event(eventKobjectRet, "ret", -17), event(eventIndexRet, "ret", -1), leave(unix.EEXIST)}, Kobject},
		{"ok", []Event{enter, initRet(0), leave(0)}, OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			returns := Exits(tt.events)
			if len(returns) != 1 || returns[0].Exit != tt.want {
				t.Errorf("Exits() = %v, want one return by %s", returns, tt.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	const good = " td1.0-81 [000] .....  1.926748: register: (register_netdevice+0x4/0x603) dev=0xff11000003170800\n"
	for _, tt := range []struct {
		name, text string
		want       error
	}{
		{"lost", "CPU:0 [LOST 12 EVENTS]\n", ErrLost},
		{"no colon", "nothing\n", ErrMalformed},
		{"no function", " a-1 [000] ..... 1.0: x: y\n", ErrMalformed},
		{"no time", " a-1 [000] ..... now: x: (f) a=1\n", ErrMalformed},
		{"no number", " a-1 [000] ..... 1.0: x: (f) a=b\n", ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			events, err := Parse([]byte(tt.text + good))
			if !errors.Is(err, tt.want) {
				t.Errorf("Parse() error = %v, want %v", err, tt.want)
			}
			if len(events) != 1 || uint64(events[0].Args["dev"]) != 0xff11000003170800 {
				t.Errorf("Parse() = %v, want the good line's event", events)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.trace")
	for _, file := range files {
		f.Add(readTrace(f, file))
	}
	f.Add([]byte("CPU:0 [LOST 1 EVENTS]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		events, _ := Parse(text)
		Exits(events)
	})
}
