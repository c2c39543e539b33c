package device

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of include/uapi/linux/if_tunnel.h.
const (
	siocAddTunnel = unix.SIOCDEVPRIVATE + 1
	siocDelTunnel = unix.SIOCDEVPRIVATE + 2
)

// The ends of the tunnels, of the blocks that are for documentation (RFC 5737,
// RFC 3849).
var (
	localV4  = netip.MustParseAddr("192.0.2.1")
	remoteV4 = netip.MustParseAddr("192.0.2.2")
	localV6  = netip.MustParseAddr("2001:db8::1")
	remoteV6 = netip.MustParseAddr("2001:db8::2")
)

// tunnelParm is struct ip_tunnel_parm of include/uapi/linux/if_tunnel.h.
type tunnelParm struct {
	Name           [unix.IFNAMSIZ]byte
	Link           int32
	IFlags, OFlags uint16
	IKey, OKey     uint32
	// struct iphdr
	VersionIHL, TOS uint8
	Length, ID      uint16
	FragOff         uint16
	TTL, Protocol   uint8
	Check           uint16
	Local, Remote   [4]byte
}

// tunnel6Parm is struct ip6_tnl_parm2 of include/uapi/linux/ip6_tunnel.h, which
// begins with struct ip6_tnl_parm.
type tunnel6Parm struct {
	Name                        [unix.IFNAMSIZ]byte
	Link                        int32
	Proto, EncapLimit, HopLimit uint8
	_                           uint8
	FlowInfo, Flags             uint32
	Local, Remote               [16]byte
	IFlags, OFlags              uint16
	IKey, OKey                  uint32
}

// tunnelIoctl is the way to create a tunnel over IPv4: SIOCADDTUNNEL on the
// driver's fallback device. SIOCDELTUNNEL on it deletes the tunnel that has the
// same ends.
func tunnelIoctl(fallback string, protocol uint8) Way {
	return tunnelWay(fallback, func(name string) any {
		return tunnelParm{
			Name:       ifname(name),
			VersionIHL: 4<<4 | 5,
			Protocol:   protocol,
			Local:      localV4.As4(),
			Remote:     remoteV4.As4(),
		}
	})
}

// tunnel6Ioctl is the same for a tunnel over IPv6.
func tunnel6Ioctl(fallback string, protocol uint8) Way {
	return tunnelWay(fallback, func(name string) any {
		return tunnel6Parm{
			Name:     ifname(name),
			Proto:    protocol,
			HopLimit: 64,
			Local:    localV6.As16(),
			Remote:   remoteV6.As16(),
		}
	})
}

func tunnelWay(fallback string, parm func(name string) any) Way {
	ask := func(request uint) func(*Env, Device) (Op, error) {
		return func(e *Env, d Device) (Op, error) { return newTunnelOp(e, request, fallback, parm(d.Name)) }
	}
	return Way{
		Name:   "ioctl",
		Chosen: Name,
		New:    ask(siocAddTunnel),
		Delete: ask(siocDelTunnel),
	}
}

// tunnelOp asks a fallback device. The driver writes back into the parameters
// (ip_tunnel_siocdevprivate() in net/ipv4/ip_tunnel.c).
type tunnelOp struct {
	ioctlOp
	parm, shared []byte // as they are asked for, and as the kernel gets them
}

func (o tunnelOp) Prepare() error {
	copy(o.shared, o.parm)
	return nil
}

// ifreqData is struct ifreq with a pointer to data.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

func newTunnelOp(e *Env, request uint, fallback string, parm any) (Op, error) {
	text, err := binary.Append(nil, binary.NativeEndian, parm)
	if err != nil {
		return nil, fmt.Errorf("encode tunnel parameters: %w", err)
	}
	shared := make([]byte, len(text))
	ifr := &ifreqData{name: ifname(fallback), data: unsafe.Pointer(unsafe.SliceData(shared))}
	op, err := socketIoctl(e, request, unsafe.Pointer(ifr))
	return tunnelOp{op, text, shared}, err
}
