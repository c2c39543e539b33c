package device

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// virtio is the way to create the net device of a card that is a device on the
// virtio bus, which the driver virtio-pci, built in, makes of it.
func (c Card) virtio() Way {
	w := boundTo("virtio", "virtio_net", c.onVirtio, "eth0").
		with(idle("virtio", "virtio_net", "failover", "net_failover")...).forXDP()
	bind := w.New
	w.New = func(e *Env, d Device) (Op, error) {
		op, err := bind(e, d)
		if err != nil || keepQueues.Lack(e.Release) != "" {
			return op, err
		}
		return virtioReset{op, c}, nil
	}
	return w
}

// onVirtio is the card's name on the virtio bus.
func (c Card) onVirtio() (string, error) {
	pattern := filepath.Join(busFolder, "pci", "devices", c.pci(), "virtio*")
	found, err := filepath.Glob(pattern)
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d files match %s", len(found), pattern)
	}
	if err != nil {
		return "", err
	}
	return filepath.Base(found[0]), nil
}

// keepQueues are the lines on which virtnet_probe() (drivers/net/virtio_net.c) does not
// reset the device on its way out. Its queues stay enabled, which setup_vq()
// (drivers/virtio/virtio_pci_modern.c) refuses with ENOENT the next time.
var keepQueues = Lines{To: "5.10"}

// statusFailed is VIRTIO_CONFIG_S_FAILED (include/uapi/linux/virtio_config.h), which
// virtio_dev_probe() sets when a probe fails.
const statusFailed = 0x80

// virtioReset is an operation on a virtio device, which is reset before when a probe
// has failed: virtio-pci makes it anew, under the same name.
type virtioReset struct {
	Op
	card Card
}

func (o virtioReset) Prepare() error {
	name, err := o.card.onVirtio()
	if err != nil {
		return err
	}
	path := filepath.Join(busFolder, "virtio", "devices", name, "status")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	status, err := strconv.ParseUint(strings.TrimSpace(string(text)), 0, 32)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if status&statusFailed == 0 {
		return nil
	}
	folder := filepath.Join(busFolder, "pci", "drivers", "virtio-pci")
	return errors.Join(write(filepath.Join(folder, "unbind"), o.card.pci()), write(filepath.Join(folder, "bind"), o.card.pci()))
}
