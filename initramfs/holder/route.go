package holder

import (
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Addresses for documentation (RFC 5737, RFC 3849, RFC 7042), which nothing else
// in the guest uses.
const (
	own4   = "192.0.2.1/24"
	other4 = "192.0.2.2"
	net4   = "192.0.2.0/24"
	own6   = "2001:db8::1/64"
	other6 = "2001:db8::2"
	net6   = "2001:db8::/64"
	ether  = "00:00:5e:00:53:01"
)

// routes are routes through the device, and its neighbours.
var routes = []Holder{
	{Name: "route-ipv4", Up: true, LetsGo: "fib_disable_ip() in net/ipv4/fib_frontend.c",
		Take: routeTo(net4, other4, unix.RT_TABLE_MAIN)},
	{Name: "route-ipv4-table", Up: true, LetsGo: "fib_disable_ip() in net/ipv4/fib_frontend.c",
		Take: routeTo(net4, other4, unix.RT_TABLE_LOCAL)},
	{Name: "route-ipv6", Up: true, LetsGo: "rt6_disable_ip() in net/ipv6/route.c", Config: "CONFIG_IPV6", Lacking: noFamily,
		Take: routeTo(net6, other6, unix.RT_TABLE_MAIN)},
	{Name: "neighbour-ipv4", LetsGo: "neigh_ifdown() in net/core/neighbour.c", Take: neighbour(other4, 0)},
	{Name: "neighbour-ipv6", LetsGo: "neigh_ifdown() in net/core/neighbour.c", Config: "CONFIG_IPV6", Lacking: noFamily,
		Take: neighbour(other6, 0)},
	{Name: "neighbour-ipv4-proxy", LetsGo: "pneigh_ifdown_and_unlock() in net/core/neighbour.c",
		Take: neighbour(other4, netlink.NTF_PROXY)},
	{Name: "neighbour-ipv6-proxy", LetsGo: "pneigh_ifdown_and_unlock() in net/core/neighbour.c", Config: "CONFIG_IPV6", Lacking: noFamily,
		Take: neighbour(other6, netlink.NTF_PROXY)},
}

// noFamily is what rtnetlink says of an address family that the kernel does not
// have (rtnetlink_rcv_msg() in net/core/rtnetlink.c falls back to PF_UNSPEC).
var noFamily = []unix.Errno{unix.EOPNOTSUPP, unix.EAFNOSUPPORT}

// rtnetlink opens a connection for requests of a holder.
func (h *Held) rtnetlink() (*netlink.Handle, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	h.onClose(func() error { handle.Close(); return nil })
	return handle, nil
}

// routeTo routes network through the device. Without the device, other is not to
// be reached.
func routeTo(network, other string, table int) func(Target) (*Held, error) {
	return func(t Target) (*Held, error) {
		h := &Held{}
		handle, err := h.rtnetlink()
		if err != nil {
			return nil, err
		}
		dst, err := netlink.ParseIPNet(network)
		if err != nil {
			return h.abandon(err)
		}
		if err := handle.RouteAdd(&netlink.Route{LinkIndex: t.Index, Dst: dst, Table: table, Scope: netlink.SCOPE_LINK}); err != nil {
			return h.abandon(err)
		}
		h.After = []Use{{What: "look the route up", Want: unix.ENETUNREACH, Do: func() error {
			_, err := handle.RouteGet(net.ParseIP(other))
			return err
		}}}
		return h, nil
	}
}

// neighbour enters a neighbour that stays, or one to answer for.
func neighbour(address string, flags int) func(Target) (*Held, error) {
	return func(t Target) (*Held, error) {
		h := &Held{}
		handle, err := h.rtnetlink()
		if err != nil {
			return nil, err
		}
		hardware, err := net.ParseMAC(ether)
		if err != nil {
			return h.abandon(err)
		}
		n := &netlink.Neigh{LinkIndex: t.Index, IP: net.ParseIP(address), HardwareAddr: hardware, State: netlink.NUD_PERMANENT, Flags: flags}
		if err := handle.NeighAdd(n); err != nil {
			return h.abandon(err)
		}
		h.After = []Use{{What: "delete the neighbour", Want: unix.ENODEV, Do: func() error { return handle.NeighDel(n) }}}
		return h, nil
	}
}
