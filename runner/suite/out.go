package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"netdev.test/teardown/runner/kernel"
)

// NewOut makes a folder for the results of a run on k, below runs in the cache;
// runs/latest leads to it from then on.
func NewOut(cache string, k kernel.Kernel) (string, error) {
	runs := filepath.Join(cache, "runs")
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the results: %w", err)
	}
	label := k.Line
	if label == "" {
		label = strings.ReplaceAll(k.Release, "/", "_")
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
