package vm

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Version is QEMU's version as it states it, such as "7.2.22 (Debian ...)". The
// path "" is as in [Config].
func Version(ctx context.Context, qemu string) (string, error) {
	bin, err := lookPath(qemu)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, bin, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("version of %s: %w", bin, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(strings.TrimSpace(line), "QEMU emulator version "), nil
}
