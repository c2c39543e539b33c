package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"netdev.test/teardown/kconfigs"
	"netdev.test/teardown/runner/kernel"
)

// Label names a kernel in file names: its line or release, and its profile where
// that is not the default one.
func Label(k kernel.Kernel) string {
	label := k.Line
	if label == "" {
		label = strings.ReplaceAll(k.Release, "/", "_")
	}
	if usual, err := kconfigs.FindProfile(""); k.Profile != "" && (err != nil || k.Profile != usual.Name) {
		label += "-" + k.Profile
	}
	return label
}

// NewOut makes a folder for the results of what label names, below runs in the
// cache; runs/latest leads to it from then on.
func NewOut(cache, label string) (string, error) {
	runs := filepath.Join(cache, "runs")
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the results: %w", err)
	}
	out, err := os.MkdirTemp(runs, time.Now().Format("20060102-150405-")+label+"-")
	if err != nil {
		return "", fmt.Errorf("make the folder of the results: %w", err)
	}
	return out, pointLatest(runs, filepath.Base(out))
}

// pointLatest makes runs/latest lead to the folder, in one step: another run
// may do the same now.
func pointLatest(runs, folder string) error {
	tmp := filepath.Join(runs, "."+folder)
	if err := os.Symlink(folder, tmp); err != nil {
		return fmt.Errorf("point to the latest results: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(runs, "latest")); err != nil {
		return fmt.Errorf("point to the latest results: %w", err)
	}
	return nil
}
