package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"netdev.test/teardown/initramfs/account"
	"netdev.test/teardown/initramfs/verdict"
)

// Files by which the kernel is made to free at once what waits for RCU.
var settlers = []struct{ file, value string }{
	{"/proc/sys/vm/drop_caches", "2"},                      // runs the shrinker of kfree_rcu()'s batches, which wait five seconds (kernel/rcu/tree.c)
	{"/sys/module/rcutree/parameters/do_rcu_barrier", "1"}, // from 6.12 on
}

// balance reads the account of allocations, without what is free already and only
// waits for its time.
func (m *machine) balance() (account.Snapshot, error) {
	defer m.spent(verdict.Account, time.Now())
	for _, s := range settlers {
		if err := os.WriteFile(s.file, []byte(s.value), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("settle what waits for RCU: %w", err)
		}
	}
	return account.Take(account.Path)
}
