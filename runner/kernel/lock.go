package kernel

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a held lock is tried again; flock(2) has no event.
const lockPoll = 200 * time.Millisecond

// lock takes the lock of that name in the cache and returns its release. The
// kernel drops the lock of a process that dies.
func (g *getter) lock(ctx context.Context, name string) (unlock func(), err error) {
	dir := filepath.Join(g.cache, "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, diskFull(err, g.cache)
	}
	l := flock.New(filepath.Join(dir, name+".lock"), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err == nil && !ok {
		g.report.step(StepWait, "another run works on "+name, 0, false)
		_, err = l.TryLockContext(ctx, lockPoll)
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", l.Path(), err)
	}
	return func() { _ = l.Close() }, nil
}
