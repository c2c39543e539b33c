package device

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Options of include/uapi/linux/mroute.h and mroute6.h, the same in both.
const (
	mrtInit   = 200
	mrtAddVIF = 202
	mrtDelVIF = 203
)

// Flags of virtual interfaces: VIFF_* and, for IPv6, MIFF_*.
const (
	viffTunnel   = 1
	viffRegister = 4
	miffRegister = 1
)

// vifctl is struct vifctl of include/uapi/linux/mroute.h.
type vifctl struct {
	VIF              uint16
	Flags, Threshold uint8
	RateLimit        uint32
	Local, Remote    [4]byte
}

// mif6ctl is struct mif6ctl of include/uapi/linux/mroute6.h.
type mif6ctl struct {
	MIF              uint16
	Flags, Threshold uint8
	PIF, _           uint16
	RateLimit        uint32
}

// A mrouter is the socket of a multicast routing daemon, of which a network
// namespace has one for each table. With it go its virtual interfaces
// (mrtsock_destruct() in net/ipv4/ipmr.c, ip6mr_sk_done() in net/ipv6/ip6mr.c).
func mrouter(domain, protocol, level int) Need {
	name := fmt.Sprintf("multicast router of family %d", domain)
	return Need{Name: name, Make: func(e *Env) (int, error) {
		fd, err := openSocket(e, domain, unix.SOCK_RAW, protocol)
		if err != nil {
			return 0, err
		}
		if err := unix.SetsockoptInt(fd, level, mrtInit, 1); err != nil {
			return 0, fmt.Errorf("start multicast routing: %w", err)
		}
		return fd, nil
	}}
}

// mroute4 is the way to create a device as a virtual interface of multicast
// routing for IPv4: by MRT_ADD_VIF, which also brings it up.
func mroute4(given string, flags uint8) Way {
	vif := vifctl{Flags: flags, Threshold: 1, Local: localV4.As4(), Remote: remoteV4.As4()}
	return mroute(given, unix.IPPROTO_IP, mrouter(unix.AF_INET, unix.IPPROTO_IGMP, unix.IPPROTO_IP), vif, vif)
}

// mroute6 is the same for IPv6.
func mroute6(given string, flags uint8) Way {
	mif := mif6ctl{Flags: flags, Threshold: 1}
	return mroute(given, unix.IPPROTO_IPV6, mrouter(unix.AF_INET6, unix.IPPROTO_ICMPV6, unix.IPPROTO_IPV6), mif, mif.MIF)
}

func mroute(given string, level int, router Need, added, deleted any) Way {
	ask := func(option int, value any) func(*Env, Device) (Op, error) {
		return func(e *Env, _ Device) (Op, error) {
			text, err := binary.Append(nil, binary.NativeEndian, value)
			return sockoptOp{e.Made(router.Name), level, option, text}, err
		}
	}
	return Way{
		Name:   "setsockopt",
		Given:  given,
		New:    ask(mrtAddVIF, added),
		Delete: ask(mrtDelVIF, deleted),
	}.with(router)
}
