package device

import (
	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// netlinkOp is a request to rtnetlink.
type netlinkOp struct {
	conn    *rtnl.Conn
	request rtnl.Request
}

func (o netlinkOp) Do() error { return o.conn.Send(o.request) }

func (o netlinkOp) Result(err error) error {
	if err != nil {
		return err
	}
	return o.conn.Ack()
}

// Netlink is the operation that sends one request.
func Netlink(conn *rtnl.Conn, request rtnl.Request) Op { return netlinkOp{conn, request} }

// plainFields are what every RTM_NEWLINK can choose.
const plainFields = Name | Index | Namespace | Flags | Master | Slave | Queues

// rtnetlink is the way to create a kind with RTM_NEWLINK, and the attributes of
// IFLA_INFO_DATA that it needs.
func rtnetlink(kind string, data ...rtnl.Attr) Way {
	return rtnetlinkWith(kind, func(*Env) []rtnl.Attr { return data })
}

// rtnetlinkWith is rtnetlink for a kind whose attributes tell of what was needed.
func rtnetlinkWith(kind string, data func(e *Env) []rtnl.Attr) Way {
	return Way{
		Name:   "rtnetlink",
		Chosen: plainFields,
		New: func(e *Env, d Device) (Op, error) {
			return newLink(e, d, kind, data(e))
		},
		Delete: deleteLink,
	}
}

// pair is the way to create two connected devices with one RTM_NEWLINK. The
// peer is described by the attribute peer of IFLA_INFO_DATA, which holds struct
// ifinfomsg and its attributes.
func pair(kind string, peer uint16) Way {
	return Way{
		Name:   "rtnetlink",
		Chosen: plainFields | Peer | PeerFlags,
		New: func(e *Env, d Device) (Op, error) {
			described, err := link(*d.Peer, "").Bytes()
			if err != nil {
				return nil, err
			}
			return newLink(e, d, kind, []rtnl.Attr{{Type: peer, Bytes: described}})
		},
		Delete: deleteLink,
	}
}

// over puts the device on the one that the need makes (IFLA_LINK).
func (w Way) over(lower Need) Way {
	w.Lower = lower.Name
	return w.with(lower)
}

// with adds needs.
func (w Way) with(needs ...Need) Way {
	w.Needs = append(w.Needs[:len(w.Needs):len(w.Needs)], needs...)
	return w
}

// without takes away what cannot be chosen.
func (w Way) without(f Field) Way {
	w.Chosen &^= f
	return w
}

// named gives the way a name, where it is not the usual one.
func (w Way) named(name string) Way {
	w.Name = name
	return w
}

// since limits the way to a kernel line and later ones.
func (w Way) since(line string) Way {
	w.Lines.From = line
	return w
}

// answering says what the driver makes of every refusal.
func (w Way) answering(errno unix.Errno) Way {
	w.Answer, w.Answers = errno, Lines{}
	return w
}

// down says what bringing the device up is refused with.
func (w Way) down(errno unix.Errno) Way {
	w.Up = errno
	return w
}

// short adds errnos that a failed allocation turns into.
func (w Way) short(errnos ...unix.Errno) Way {
	w.Shortage = append(w.Shortage[:len(w.Shortage):len(w.Shortage)], errnos...)
	return w
}

// forXDP is for a driver with ndo_xdp_xmit: dev_map_notification() in
// kernel/bpf/devmap.c says NOTIFY_BAD when it has no memory for the device, which
// is no errno but reads as EPERM.
func (w Way) forXDP() Way { return w.short(unix.EPERM) }

func newLink(e *Env, d Device, kind string, data []rtnl.Attr) (Op, error) {
	l := link(d, kind)
	l.Data = data
	request, err := l.New()
	if err != nil {
		return nil, err
	}
	return Netlink(e.Netlink, request), nil
}

func deleteLink(e *Env, d Device) (Op, error) {
	request, err := rtnl.Link{Name: d.Name, Index: d.Index}.Delete()
	if err != nil {
		return nil, err
	}
	return Netlink(e.Netlink, request), nil
}

func link(d Device, kind string) rtnl.Link {
	return rtnl.Link{
		Name:     d.Name,
		Index:    d.Index,
		Kind:     kind,
		NetNS:    d.NetNS,
		Up:       d.Up,
		Lower:    d.Lower,
		Master:   d.Master,
		TxQueues: d.TxQueues,
	}
}
