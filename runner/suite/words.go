package suite

import (
	"strings"

	"netdev.test/teardown/initramfs/klog"
)

// lastWords is the default of [Config.LastWords].
func lastWords(console []byte) (title string, lines []string) {
	for _, report := range klog.Scan(klog.ParseConsole(console)) {
		if report.Fatal {
			title = report.Title
			break
		}
	}
	return title, klog.LastWords(strings.Split(string(console), "\n"))
}
