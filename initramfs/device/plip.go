package device

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The name of the first device (plip_attach() in drivers/net/plip/plip.c), and the
// address that all have (plip_init_netdev()), so that it is none that somebody else gave
// the name.
const (
	plipName    = "plip0"
	plipAddress = "fc:fc:fc:fc:fc:fc"
)

// plip is the way to create a device on the guest's parallel port, by loading the
// driver. That succeeds without a device, too, which is told by that there is none, and
// for which the answer is ENODEV.
func plip() Way {
	w := loading("plip", "", plipName).answering(unix.ENODEV)
	load := w.New
	w.New = func(e *Env, d Device) (Op, error) {
		op, err := load(e, d)
		return plipOp{op}, err
	}
	return w
}

// plipOp loads the driver.
type plipOp struct{ Op }

// Result unloads a driver that has no device.
func (o plipOp) Result(err error) error {
	if err := o.Op.Result(err); err != nil {
		return err
	}
	if address, err := os.ReadFile("/sys/class/net/" + plipName + "/address"); err != nil || strings.TrimSpace(string(address)) != plipAddress {
		return errors.Join(fmt.Errorf("the driver is loaded without %s: %w", plipName, unix.ENODEV), unloaded("plip"))
	}
	return nil
}
