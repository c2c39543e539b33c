package device

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// iflaCAIFLoopback is IFLA_CAIF_LOOPBACK of include/uapi/linux/caif/if_caif.h.
const iflaCAIFLoopback = 3

// The device of a terminal with CAIF's line discipline: its name, and its type
// (ARPHRD_CAIF of include/uapi/linux/if_arp.h).
const (
	caifName = "cfpts0"
	caifType = "822"
)

// caifLine is the way to create the device of CAIF's line discipline. When another
// discipline is set, a worker deletes it (ser_release() in
// drivers/net/caif/caif_serial.c). ldisc_open() makes ENODEV of every refusal of
// register_netdevice().
var caifLine = Way{
	Name:   "tty",
	Given:  caifName,
	Needs:  []Need{terminal},
	Answer: unix.ENODEV,
	Worker: true,
	New: func(e *Env, _ Device) (Op, error) {
		absent, err := rtnl.Link{Index: math.MaxInt32}.Delete()
		return caifOp{disciplineOp{e.Made(terminal.Name), nCAIF}, Netlink(e.Netlink, absent)}, err
	},
	Delete: discipline(nCAIF, caifName).Delete,
}

// caifOp sets the line discipline once the worker is through with the last device,
// which it could else delete while the injection goes on.
type caifOp struct {
	disciplineOp
	absent Op // deletes a device that is not there, for which it needs rtnl_mutex
}

// How long the worker may take, and between two looks.
const (
	caifPatience = 10 * time.Second
	caifStep     = 2 * time.Millisecond
)

// Prepare waits until the device is gone, and then until the worker has dropped
// rtnl_mutex: in between it removes the device's folder from debugfs, and
// ldisc_open() does not wait for that.
func (o caifOp) Prepare() error {
	for begin := time.Now(); caifThere(); time.Sleep(caifStep) {
		if time.Since(begin) > caifPatience {
			return errors.New("the worker did not delete the last device")
		}
	}
	if err := Run(o.absent); !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("wait for the worker: %w", err)
	}
	return nil
}

// caifThere reports whether there is a device of the name, and of the type, so that
// it is none that somebody else gave the name.
func caifThere() bool {
	text, err := os.ReadFile("/sys/class/net/" + caifName + "/type")
	return err == nil && strings.TrimSpace(string(text)) == caifType
}
