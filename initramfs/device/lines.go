package device

import (
	"fmt"

	"netdev.test/teardown/kconfigs"
)

// Lines are the kernel lines that have something, from the first to the last one;
// an empty end is open.
type Lines struct{ From, To string }

// Lack tells why a kernel of that release does not have it, or "".
func (l Lines) Lack(release string) string {
	v, err := kconfigs.ParseVersion(release)
	if err != nil {
		return "" // no number tells: what is missing will show
	}
	if from, err := kconfigs.ParseVersion(l.From); err == nil && v.Compare(from) < 0 {
		return fmt.Sprintf("kernels before %s do not have it", from)
	}
	if to, err := kconfigs.ParseVersion(l.To); err == nil && v.Compare(to) > 0 {
		return fmt.Sprintf("kernels after %s do not have it", to)
	}
	return ""
}

// String is the range as people write it.
func (l Lines) String() string {
	switch {
	case l == Lines{}:
		return "all"
	case l.To == "":
		return "since " + l.From
	case l.From == "":
		return "until " + l.To
	}
	return l.From + " to " + l.To
}
