package kmemleak

import (
	"fmt"
	"strings"
)

// String is the report as evidence: what was allocated, by whom, and where.
// Addresses are left out of the first line, because they mean nothing elsewhere.
func (l Leak) String() string {
	var b strings.Builder
	what := ""
	if l.PerCPU {
		what = " (percpu)"
	}
	fmt.Fprintf(&b, "unreferenced object%s of %d bytes, comm %q, pid %d, jiffies %d\n", what, l.Size, l.Comm, l.PID, l.Jiffies)
	for _, line := range l.HexDump {
		fmt.Fprintf(&b, "    %s\n", strings.TrimSpace(line))
	}
	b.WriteString("  backtrace:\n")
	for _, frame := range l.Backtrace {
		fmt.Fprintf(&b, "    %s\n", frame)
	}
	return b.String()
}
