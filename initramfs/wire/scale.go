package wire

import (
	"os"
	"strconv"
	"time"
)

// ScaleEnv is, in the environment of the test binary in the guest, the factor by
// which the kernel's profile stretches deadlines: an instrumented kernel is
// slow. [Deadline] heeds it.
const ScaleEnv = "TEARDOWN_SCALE"

// Deadline returns the deadline d of a guest as the kernel's profile asks for:
// d itself where [ScaleEnv] is not set or no positive number.
func Deadline(d time.Duration) time.Duration {
	if n, err := strconv.Atoi(os.Getenv(ScaleEnv)); err == nil && n > 0 {
		return d * time.Duration(n)
	}
	return d
}
