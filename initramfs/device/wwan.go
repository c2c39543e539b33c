package device

import (
	"os"
	"path/filepath"

	"netdev.test/teardown/initramfs/rtnl"
)

// wwanLinkID is IFLA_WWAN_LINK_ID of include/uapi/linux/wwan.h.
const wwanLinkID = 1

// The simulation's files in debugfs (drivers/net/wwan/wwan_hwsim.c), and the names of
// the first modem's device and of the network device that the driver gives it. The
// number of the simulated device grows.
const (
	wwanCreate  = "/sys/kernel/debug/wwan_hwsim/devcreate"
	wwanDestroy = "/sys/kernel/debug/wwan_hwsim/hwsim*/destroy"
	wwanModem   = "wwan0"
)

// modem is a simulated modem. It comes with a link, whose number is 1
// (wwan_register_ops() in drivers/net/wwan/wwan_core.c).
var modem = Need{
	Name: "WWAN modem",
	Make: func(e *Env) (int, error) {
		if err := os.WriteFile(wwanCreate, []byte("1"), 0); err != nil {
			return 0, err
		}
		e.OnClose(func() error {
			files, err := filepath.Glob(wwanDestroy)
			for _, file := range files {
				err = os.WriteFile(file, []byte("1"), 0)
			}
			return err
		})
		return 0, nil
	},
}

// wwanLink creates one more link of the modem.
var wwanLink = Way{
	Name:   "rtnetlink",
	Chosen: plainFields &^ Slave,
	Needs:  []Need{modem},
	New: func(e *Env, d Device) (Op, error) {
		l := link(d, "wwan")
		l.Parent = wwanModem
		l.Data = []rtnl.Attr{rtnl.Uint32(wwanLinkID, 2)}
		request, err := l.New()
		if err != nil {
			return nil, err
		}
		return Netlink(e.Netlink, request), nil
	},
	Delete: deleteLink,
}
