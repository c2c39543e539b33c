package tracetext

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/trace"
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
			returns := trace.Exits(events)
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

func TestParseErrors(t *testing.T) {
	const good = " td1.0-81 [000] .....  1.926748: register: (register_netdevice+0x4/0x603) dev=0xff11000003170800\n"
	for _, tt := range []struct {
		name, text string
		want       error
	}{
		{"lost", "CPU:0 [LOST 12 EVENTS]\n", trace.ErrLost},
		{"no colon", "nothing\n", trace.ErrMalformed},
		{"no name", " a-1 [000] ..... 1.0: x y: z\n", trace.ErrMalformed},
		{"no time", " a-1 [000] ..... now: x: (f) a=1\n", trace.ErrMalformed},
		{"no number", " a-1 [000] ..... 1.0: x: (f) a=b\n", trace.ErrMalformed},
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

// TestParseStack checks that a stack goes to the last event of the thread that
// waits for one, without the functions of tracing.
func TestParseStack(t *testing.T) {
	const text = `           td1.0-38      [000] .N..     5.517427: alloc: (alloc_netdev_mqs+0x0/0x379)
           td1.7-38      [000] d.h.     5.517500: percpu_free_percpu: off=8
           td1.0-38      [000] .N..     5.517873: <stack trace>
 => kprobe_trace_func
 => opt_pre_handler
 => 0xffffffffa00283b0
 => alloc_netdev_mqs
 => [unknown/kretprobe'd]
 => veth_newlink+0x10/0x20 [veth]
           td1.0-38      [000] .N..     5.518282: percpu_alloc_percpu: call_site=__alloc_percpu+0x10/0x12 size=4 ptr=0000000000031b9c gfp_flags=GFP_KERNEL
           td2.0-39      [000] .N..     5.518300: <stack trace>
 => pcpu_alloc
           td1.0-38      [000] .N..     5.518637: register: (register_netdevice+0x0/0x3f6) dev=0xffff88801fb64800
`
	want := []trace.Event{
		{PID: 38, Task: "td1.0", Time: 5517427 * time.Microsecond, Name: "alloc", Args: map[string]int64{},
			Stack: []string{"alloc_netdev_mqs", "veth_newlink"}, Frames: []string{"alloc_netdev_mqs", "veth_newlink+0x10"}},
		{PID: 38, Task: "td1.7", Time: 5517500 * time.Microsecond, Name: "percpu_free_percpu", Args: map[string]int64{"off": 8}},
		{PID: 38, Task: "td1.0", Time: 5518282 * time.Microsecond, Name: "percpu_alloc_percpu", Args: map[string]int64{"size": 4, "ptr": 0x31b9c}},
		{PID: 38, Task: "td1.0", Time: 5518637 * time.Microsecond, Name: "register", Args: map[string]int64{"dev": -0x777fe049b800}},
	}
	got, err := Parse([]byte(text), "alloc", "percpu_alloc_percpu")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.trace")
	for _, file := range files {
		f.Add(readTrace(f, file))
	}
	f.Add([]byte("CPU:0 [LOST 1 EVENTS]\n"))
	f.Add([]byte(" => "))
	f.Fuzz(func(t *testing.T, text []byte) {
		events, _ := Parse(text)
		trace.Exits(events)
	})
}
