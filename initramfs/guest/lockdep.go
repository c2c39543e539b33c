package guest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"

	"netdev.test/teardown/initramfs/verdict"
)

// lockdepStats says whether lockdep still works (kernel/locking/lockdep_proc.c):
// it switches itself off after its first report, and when its tables are full.
const lockdepStats = "/proc/lockdep_stats"

// checkLockdep keeps further cases out of a guest in which lockdep is off. The case
// is one that lockdep could not see, unless a finding says why it is off.
func (c *C) checkLockdep() {
	off, err := lockdepOff(lockdepStats)
	if err != nil {
		c.Blind(verdict.Log, err.Error())
	}
	if !off {
		return
	}
	c.spoil("lockdep switched itself off")
	if len(c.result.Evidence) == 0 {
		c.Blind(verdict.Log, "lockdep switched itself off")
	}
}

// lockdepOff reads the file. A kernel without lockdep has none.
func lockdepOff(path string) (bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) == 2 && string(fields[0]) == "debug_locks:" {
			return string(fields[1]) == "0", nil
		}
	}
	return false, err
}
