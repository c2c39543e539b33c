package device

import (
	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// pppFile is where the units of PPP are made, each of which is a device
// (drivers/net/ppp/ppp_generic.c). A file has one unit or none.
const pppFile = "/dev/ppp"

// iflaPPPDevFD is IFLA_PPP_DEV_FD of include/uapi/linux/if_link.h.
const iflaPPPDevFD = 1

// The unit that is asked for, and the name that ppp_unit_register() makes of it.
const (
	pppUnit = 0
	pppName = "ppp0"
)

// pppUnitOp has a fresh file get its unit.
type pppUnitOp struct {
	env    *Env
	device Device
	fd     int
}

func (o *pppUnitOp) Prepare() (err error) {
	o.fd, err = o.env.reopen(o.device.Name, pppFile)
	return err
}

func (o *pppUnitOp) Do() error {
	return unix.IoctlSetPointerInt(o.fd, unix.PPPIOCNEWUNIT, pppUnit)
}

func (o *pppUnitOp) Result(err error) error { return err }

// pppLinkOp is an RTM_NEWLINK that names a fresh file, which then has the unit.
type pppLinkOp struct {
	netlinkOp
	env    *Env
	device Device
}

func (o *pppLinkOp) Prepare() error {
	fd, err := o.env.reopen(o.device.Name, pppFile)
	if err != nil {
		return err
	}
	o.request, err = pppRequest(o.device, fd)
	return err
}

func pppRequest(d Device, fd int) (rtnl.Request, error) {
	l := link(d, "ppp")
	l.Data = []rtnl.Attr{rtnl.Uint32(iflaPPPDevFD, uint32(fd))}
	return l.New()
}

// pppNewLink is the way through rtnetlink (ppp_nl_newlink()). RTM_DELLINK deletes
// the device under its file. A bond does not take it, because it has no address to
// set (dev_set_mac_address() in bond_enslave()).
var pppNewLink = Way{
	Name:   "rtnetlink",
	Chosen: plainFields &^ Slave,
	New: func(e *Env, d Device) (Op, error) {
		if _, err := pppRequest(d, 0); err != nil {
			return nil, err
		}
		return &pppLinkOp{netlinkOp: netlinkOp{conn: e.Netlink}, env: e, device: d}, nil
	},
	Delete: deleteLink,
}

// pppNewUnit is the older way (ppp_create_interface()). Closing the file deletes
// the device (ppp_release()). ppp_unit_register() makes EEXIST of every failure to
// enter the unit.
var pppNewUnit = Way{
	Name:     "ioctl",
	Given:    pppName,
	Shortage: []unix.Errno{unix.EEXIST},
	New: func(e *Env, d Device) (Op, error) {
		return &pppUnitOp{env: e, device: d}, nil
	},
	Delete: closeHolder,
}
