package guest

import (
	"fmt"
	"os"

	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/verdict"
)

// plantedWords are put into the kernel log for the log oracle to find: its
// positive control.
const plantedWords = "unregister_netdevice: waiting for positive-control to become free. Usage count = 1"

// controlLog checks that the log oracle sees what is in the log. It also passes
// over what the kernel said before the first case.
func (m *machine) controlLog() error {
	if _, err := m.log.Drain(); err != nil {
		return err
	}
	if err := os.WriteFile("/dev/kmsg", []byte(plantedWords+"\n"), 0); err != nil {
		return fmt.Errorf("plant words in the kernel log: %w", err)
	}
	records, err := m.log.Drain()
	if err != nil {
		return err
	}
	reports := klog.Scan(records)
	if len(reports) != 1 {
		m.controlled(verdict.Log, false, fmt.Sprintf("%d reports of the words that were planted", len(reports)))
		return nil
	}
	m.controlled(verdict.Log, true, reports[0].Title)
	return nil
}
