package trace

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPush(t *testing.T) {
	var e Event
	for _, frame := range []string{
		"trace_event_buffer_commit+0x10/0x80",
		"0xffffffffc0002010", // the detour of an optimized probe
		"should_fail_ex+0x0/0x1b0", "__proc_create+0x51/0x200", "rethook_trampoline+0x1/0x2",
		"0xffffffffa0340a4c",             // rose_proto_init(), freed
		"0xffffffff81e00123",             // not a module's
		"do_one_initcall+0x46/0x200 [x]", // with more behind it
	} {
		e.Push(frame)
	}
	want := Event{
		Stack:  []string{"should_fail_ex", "__proc_create", "do_one_initcall"},
		Frames: []string{"should_fail_ex+0x0", "__proc_create+0x51", "freed+0xa4c", "do_one_initcall+0x46"},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}
