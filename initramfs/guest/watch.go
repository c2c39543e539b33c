package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// operationLimit is how long one operation may take. It is above the 10 s after
// which netdev_wait_allrefs_any() says what it waits for, so that the kernel's
// own words are part of the evidence.
const operationLimit = 13 * time.Second

// watch notices an operation that does not end.
type watch struct {
	since atomic.Int64 // when the running operation began, in ns of the monotonic clock; 0 between operations
}

func (w *watch) begin()  { w.since.Store(monotonic()) }
func (w *watch) finish() { w.since.Store(0) }

func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return ts.Nano()
}

// over waits until the provocation is over, or one of its operations took too
// long: then it says where the thread is stuck, and leaves it there.
func (w *watch) over(c *C, done <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if w.overdue(wire.Deadline(operationLimit)) {
				c.giveUp()
				return
			}
		}
	}
}

// overdue reports whether an operation has been running for longer than limit.
func (w *watch) overdue(limit time.Duration) bool {
	since := w.since.Load()
	return since != 0 && monotonic()-since > int64(limit)
}

// waiting matches the words of netdev_wait_allrefs_any() in net/core/dev.c.
var waiting = regexp.MustCompile(`unregister_netdevice: waiting for \S+ to become free`)

// giveUp reports what the kernel knows of the stuck operation, and stops
// listening to the thread that waits for it.
func (c *C) giveUp() {
	stack, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stack", c.tid))
	if err != nil {
		stack = []byte("(no stack: " + err.Error() + ")")
	}
	title := "an operation did not end"
	detail := "stack of the thread:\n" + string(stack)
	records, _ := self.log.Drain()
	for _, report := range klog.Scan(records, c.spec.Noise...) {
		if waiting.MatchString(report.Title) {
			title = report.Title
		}
		detail += "\n" + report.Text
	}
	detail += referenceTrackers()
	c.Find(verdict.Deadline, title, detail)
	c.mu.Lock()
	c.stuck = true
	c.mu.Unlock()
	c.spoil(title)
}

// referenceTrackers reads who holds references to net devices, where the kernel
// shows it (ref_tracker_dir_debugfs() in lib/ref_tracker.c, from 7.x on).
func referenceTrackers() string {
	files, _ := filepath.Glob(filepath.Join(Debugfs, "ref_tracker", "netdev@*"))
	var text string
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && len(b) > 0 {
			text += fmt.Sprintf("\n%s:\n%s", filepath.Base(f), b)
		}
	}
	return text
}
