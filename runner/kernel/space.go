package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Bytes needed on the cache's disk, measured with lines 5.10 to 7.3 and the
// profile leak, with room to spare.
const (
	sourceSpace = 3 << 30 // package, unpacked source and build
	buildSpace  = 1 << 30 // build alone
)

func gigabytes(n uint64) string { return fmt.Sprintf("%.1f GB", float64(n)/1e9) }

// fullBelow is the free space below which a failure is put down to it.
const fullBelow = 8 << 20

func freeSpace(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("asking for the free space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// checkSpace fails before a long step that could not end for want of space.
func checkSpace(dir string, need uint64) error {
	free, err := freeSpace(dir)
	if err == nil && free < need {
		err = fmt.Errorf("%w: %s has %s free and %s are needed: free some or set TEARDOWN_CACHE to a folder on another disk",
			ErrDiskFull, dir, gigabytes(free), gigabytes(need))
	}
	return err
}
