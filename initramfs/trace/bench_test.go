package trace

import (
	"strings"
	"testing"
)

// BenchmarkParse measures the decoding of a record, in bytes a second.
func BenchmarkParse(b *testing.B) {
	const event = "           td1.0-38      [000] .N..     5.518637: notify: (call_netdevice_notifiers_info+0x0/0x7d) val=17 dev=0xffff88801fb64800 state=0\n"
	text := []byte(strings.Repeat(event, 1000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if events, err := Parse(text); err != nil || len(events) != 1000 {
			b.Fatal(len(events), err)
		}
	}
}
