package fault

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/kallsyms"
	"netdev.test/teardown/initramfs/trace"
)

func TestRefusalProbe(t *testing.T) {
	for _, tt := range []struct {
		name    string
		symbols kallsyms.Symbols
		want    string
	}{
		{"6.1 and later", kallsyms.Symbols{shouldFail: shouldFail, rateLimit: rateLimit}, shouldFail},
		{"5.10", kallsyms.Symbols{rateLimit: rateLimit}, rateLimit},
	} {
		if got := RefusalProbe(tt.symbols); got.Symbol != tt.want || !got.Stack {
			t.Errorf("%s: RefusalProbe() = %+v, want the stack of %s", tt.name, got, tt.want)
		}
	}
}

func TestRefused(t *testing.T) {
	slab := []string{"should_failslab", "kmem_cache_alloc", "inetdev_init"}
	for _, tt := range []struct {
		name   string
		events []trace.Event
		want   []string
	}{
		{"none", []trace.Event{{Name: "register"}}, nil},
		{"slab", []trace.Event{{Name: "register"}, {Name: EventRefused, Stack: slab}}, slab},
		{"another limit of rate first", []trace.Event{{Name: EventRefused, Stack: []string{"net_ratelimit"}}, {Name: EventRefused, Stack: slab}}, slab},
	} {
		if diff := cmp.Diff(tt.want, Refused(tt.events)); diff != "" {
			t.Errorf("%s: stack differs (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestDetector(t *testing.T) {
	for _, tt := range []struct {
		stack []string
		want  string
	}{
		{[]string{"should_failslab", "kmem_cache_alloc", "inetdev_init"}, ""},
		{[]string{"should_fail_alloc_page", "__alloc_pages", "__stack_depot_save.part.0", "set_track_prepare", "inetdev_init"}, "__stack_depot_save"},
		{[]string{"should_failslab", "kmem_cache_alloc", "create_object", "kmem_cache_alloc", "inetdev_init"}, "create_object"},
	} {
		if got := Detector(tt.stack); got != tt.want {
			t.Errorf("Detector(%v) = %q, want %q", tt.stack, got, tt.want)
		}
	}
}
