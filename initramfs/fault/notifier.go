package fault

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/module"
)

// notifierModule is lib/netdev-notifier-error-inject.c.
const notifierModule = "netdev-notifier-error-inject"

// Priorities at which the injector can sit in the netdev notifier chain: first,
// so that it vetoes before anybody saw the event, or last, so that everybody
// who saw the event must undo what he did.
const (
	First = math.MaxInt32
	Last  = math.MinInt32
)

// Notifier vetoes netdev notifier events. The veto is global: it hits every
// device of every namespace until it is lifted.
type Notifier struct {
	dir string
}

// LoadNotifier loads the injector at the given priority. The caller unloads it.
func LoadNotifier(debugfs string, modules module.Dir, priority int) (*Notifier, error) {
	err := modules.Load(notifierModule, "priority="+strconv.Itoa(priority))
	if errors.Is(err, module.ErrAbsent) {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	if err != nil {
		return nil, err
	}
	return &Notifier{dir: filepath.Join(debugfs, "notifier-error-inject/netdev/actions")}, nil
}

// Veto makes every notification of event (NETDEV_REGISTER, …) fail with errno.
// An errno of 0 lifts the veto.
func (n *Notifier) Veto(event string, errno unix.Errno) error {
	file := filepath.Join(n.dir, event, "error")
	value := strconv.Itoa(-int(errno))
	if err := os.WriteFile(file, []byte(value), 0); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: notifier event %s", ErrAbsent, event)
	} else if err != nil {
		return fmt.Errorf("veto %s: %w", event, err)
	}
	return nil
}

// Unload lifts every veto with the module that holds them.
func (n *Notifier) Unload() error { return module.Unload(notifierModule) }
