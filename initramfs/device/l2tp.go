package device

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// Numbers of include/uapi/linux/l2tp.h.
const (
	l2tpTunnelCreate  = 1 // L2TP_CMD_TUNNEL_CREATE
	l2tpTunnelDelete  = 2 // L2TP_CMD_TUNNEL_DELETE
	l2tpSessionCreate = 5 // L2TP_CMD_SESSION_CREATE
	l2tpSessionDelete = 6 // L2TP_CMD_SESSION_DELETE
	l2tpSessionGet    = 8 // L2TP_CMD_SESSION_GET

	l2tpPwType        = 1  // L2TP_ATTR_PW_TYPE
	l2tpEncapType     = 2  // L2TP_ATTR_ENCAP_TYPE
	l2tpProtoVersion  = 7  // L2TP_ATTR_PROTO_VERSION
	l2tpIfname        = 8  // L2TP_ATTR_IFNAME
	l2tpConnID        = 9  // L2TP_ATTR_CONN_ID
	l2tpPeerConnID    = 10 // L2TP_ATTR_PEER_CONN_ID
	l2tpSessionID     = 11 // L2TP_ATTR_SESSION_ID
	l2tpPeerSessionID = 12 // L2TP_ATTR_PEER_SESSION_ID
	l2tpSourceAddress = 24 // L2TP_ATTR_IP_SADDR
	l2tpDestAddress   = 25 // L2TP_ATTR_IP_DADDR
	l2tpSourcePort    = 26 // L2TP_ATTR_UDP_SPORT
	l2tpDestPort      = 27 // L2TP_ATTR_UDP_DPORT

	l2tpEthernet = 5 // L2TP_PWTYPE_ETH
	l2tpUDP      = 0 // L2TP_ENCAPTYPE_UDP
	l2tpVersion3 = 3
)

// The one tunnel and the one session.
var (
	l2tpConn    = rtnl.Uint32(l2tpConnID, 1)
	l2tpSession = []rtnl.Attr{l2tpConn, rtnl.Uint32(l2tpSessionID, 1)}
)

func l2tpCommand(number uint8, as ...rtnl.Attr) command {
	return command{family: "l2tp", number: number, attrs: attrs(as...)}
}

// l2tpTunnel is a tunnel over a socket that the kernel makes, since no descriptor is
// given. The address 0.0.0.0 stands for the loopback's, also while that is down
// (ip_route_output_key_hash_rcu() in net/ipv4/route.c).
var l2tpTunnel = Need{
	Name: "L2TP tunnel",
	Make: func(e *Env) (int, error) {
		create := l2tpCommand(l2tpTunnelCreate, l2tpConn,
			rtnl.Uint32(l2tpPeerConnID, 1),
			rtnl.Uint8(l2tpProtoVersion, l2tpVersion3),
			rtnl.Uint16(l2tpEncapType, l2tpUDP),
			rtnl.Attr{Type: l2tpSourceAddress, Bytes: make([]byte, 4)},
			rtnl.Attr{Type: l2tpDestAddress, Bytes: make([]byte, 4)},
			rtnl.Uint16(l2tpSourcePort, 1701),
			rtnl.Uint16(l2tpDestPort, 1702))
		return 0, e.makeGeneric(generic(create), generic(l2tpCommand(l2tpTunnelDelete, l2tpConn)))
	},
}

// l2tpEth creates a session of an Ethernet pseudowire, and with it its device
// (l2tp_eth_create() in net/l2tp/l2tp_eth.c).
var l2tpEth = Way{
	Name:   "session",
	Chosen: Name,
	Needs:  []Need{l2tpTunnel},
	Worker: true,
	New: func(e *Env, d Device) (Op, error) {
		create := l2tpCommand(l2tpSessionCreate, append(l2tpSession[:2:2],
			rtnl.Uint32(l2tpPeerSessionID, 1),
			rtnl.Uint16(l2tpPwType, l2tpEthernet),
			rtnl.Attr{Type: l2tpIfname, Text: d.Name})...)
		if workerEndsSession.Lack(e.Release) != "" {
			return generic(create), nil
		}
		return creatingSession{generic(create)}, nil
	},
	Delete: func(e *Env, d Device) (Op, error) {
		return deletingSession{generic(l2tpCommand(l2tpSessionDelete, l2tpSession...)), d.Name}, nil
	},
}

// workerEndsSession are the lines on which a worker deletes the session of a refused
// device (l2tp_session_delete() in net/l2tp/l2tp_core.c). On others the creator
// does; on 5.10 it may also be refused while the session stays.
var workerEndsSession = Lines{From: "6.12"}

// creatingSession waits for the end of a session whose device was refused: until then
// there cannot be another one with its number.
type creatingSession struct{ *genlOp }

func (o creatingSession) Result(err error) error {
	err = o.genlOp.Result(err)
	if err == nil || errors.Is(err, rtnl.ErrNoAck) {
		return err
	}
	return errors.Join(err, awaitSession())
}

// deletingSession waits for the end of the session and of its device, which the same
// worker brings about.
type deletingSession struct {
	*genlOp
	device string
}

func (o deletingSession) Result(err error) error {
	err = o.genlOp.Result(err)
	if err != nil && !errors.Is(err, rtnl.ErrNoAck) {
		return err
	}
	return errors.Join(err, awaitSession(), awaitDevice(o.device))
}

// patience is the time between two looks at something that is about to go. Who waits
// is under the deadline of the operation.
const patience = time.Millisecond

func awaitSession() error {
	return awaitEnd(generic(l2tpCommand(l2tpSessionGet, l2tpSession...)), unix.ENODEV)
}

// awaitEnd asks for something until the answer is that it is gone.
func awaitEnd(ask Op, gone unix.Errno) error {
	for {
		if err := Run(ask); errors.Is(err, gone) {
			return nil
		} else if err != nil {
			return err
		}
		time.Sleep(patience)
	}
}

// awaitDevice waits until a device is not in sysfs any more. Listeners were told by
// then (unregister_netdevice_many_notify() in net/core/dev.c).
func awaitDevice(name string) error {
	for {
		_, err := os.Lstat(filepath.Join("/sys/class/net", name))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		time.Sleep(patience)
	}
}
