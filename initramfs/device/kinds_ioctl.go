package device

import "golang.org/x/sys/unix"

// bridgeIoctl creates a bridge as brctl does (br_ioctl_stub() in
// net/bridge/br_ioctl.c).
var bridgeIoctl = Way{
	Name:   "ioctl",
	Chosen: Name,
	New:    newBridge,
	Delete: deleteBridge,
}

// vlanIoctl creates a VLAN as vconfig does (vlan_ioctl_handler() in
// net/8021q/vlan.c).
var vlanIoctl = Way{
	Name:   "ioctl",
	Given:  vlanName,
	New:    func(e *Env, _ Device) (Op, error) { return vlanOp(e, addVLAN, lowerName) },
	Delete: func(e *Env, d Device) (Op, error) { return vlanOp(e, delVLAN, d.Name) },
}.over(lowerEthernet)

// Tunnels as the old ip command made them. A driver that has nothing but NULL for
// every refusal answers with ENOBUFS: ipip6_tunnel_add() in net/ipv6/sit.c,
// ip6gre_tunnel_siocdevprivate() in net/ipv6/ip6_gre.c, and
// vti6_siocdevprivate() in net/ipv6/ip6_vti.c.
var (
	ipipIoctl   = tunnelIoctl("tunl0", unix.IPPROTO_IPIP)
	greIoctl    = tunnelIoctl("gre0", unix.IPPROTO_GRE)
	vtiIoctl    = tunnelIoctl("ip_vti0", unix.IPPROTO_IPIP)
	sitIoctl    = tunnelIoctl("sit0", unix.IPPROTO_IPV6).answering(unix.ENOBUFS)
	ip6tnlIoctl = tunnel6Ioctl("ip6tnl0", unix.IPPROTO_IPV6)
	ip6greIoctl = tunnel6Ioctl("ip6gre0", unix.IPPROTO_GRE).answering(unix.ENOBUFS)
	vti6Ioctl   = tunnel6Ioctl("ip6_vti0", unix.IPPROTO_IPV6).answering(unix.ENOBUFS)
)

// ipipMroute creates an ipip tunnel as a virtual interface of multicast routing
// (ipmr_new_tunnel() in net/ipv4/ipmr.c), which answers with ENOBUFS.
var ipipMroute = mroute4("dvmrp0", viffTunnel).named("mroute").answering(unix.ENOBUFS)
