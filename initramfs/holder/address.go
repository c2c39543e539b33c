package holder

import (
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// addresses are what is received by the device: its own addresses, and multicast
// groups.
var addresses = []Holder{
	{Name: "address-ipv4", Up: true, LetsGo: "inetdev_destroy() in net/ipv4/devinet.c", Take: address(own4)},
	{Name: "address-ipv6", Up: true, LetsGo: "addrconf_ifdown() in net/ipv6/addrconf.c", Config: "CONFIG_IPV6", Lacking: noFamily,
		Take: address(own6)},
	{Name: "group-ipv4", Up: true, LetsGo: "ip_mc_destroy_dev() in net/ipv4/igmp.c", Take: group4},
	{Name: "group-ipv6", Up: true, LetsGo: "ipv6_mc_destroy_dev() in net/ipv6/mcast.c", Config: "CONFIG_IPV6", Lacking: noSocket,
		Take: group6},
}

// addAddress gives the device an address, with flags IFA_F_*. Without
// IFA_F_NODAD, one of IPv6 is still being checked for duplicates when this
// returns, and cannot be used.
func addAddress(handle *netlink.Handle, t Target, text string, flags int) (*netlink.Addr, netlink.Link, error) {
	link := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: t.Name, Index: t.Index}}
	a, err := netlink.ParseAddr(text)
	if err != nil {
		return nil, nil, err
	}
	a.Flags = flags
	return a, link, handle.AddrAdd(link, a)
}

func address(text string) func(Target) (*Held, error) {
	return func(t Target) (*Held, error) {
		h := &Held{}
		handle, err := h.rtnetlink()
		if err != nil {
			return nil, err
		}
		a, link, err := addAddress(handle, t, text, 0)
		if err != nil {
			return h.abandon(err)
		}
		h.After = []Use{{What: "delete the address", Want: unix.ENODEV, Do: func() error { return handle.AddrDel(link, a) }}}
		return h, nil
	}
}

// group4 joins a group. That the device is gone does not keep a socket from
// leaving it (ip_mc_leave_group() in net/ipv4/igmp.c).
func group4(t Target) (*Held, error) {
	h := &Held{}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	h.fd(fd)
	m := &unix.IPMreqn{Multiaddr: [4]byte{233, 252, 0, 1}, Ifindex: int32(t.Index)}
	if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, m); err != nil {
		return h.abandon(err)
	}
	h.After = []Use{{What: "leave the group", Do: func() error {
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_DROP_MEMBERSHIP, m)
	}}}
	return h, nil
}

// group6 is group4 for IPv6 (ipv6_sock_mc_drop() in net/ipv6/mcast.c).
func group6(t Target) (*Held, error) {
	h := &Held{}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	h.fd(fd)
	m := &unix.IPv6Mreq{Multiaddr: [16]byte{0: 0xff, 1: 0x0e, 15: 0x42}, Interface: uint32(t.Index)}
	if err := unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, m); err != nil {
		return h.abandon(err)
	}
	h.After = []Use{{What: "leave the group", Do: func() error {
		return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_LEAVE_GROUP, m)
	}}}
	return h, nil
}
