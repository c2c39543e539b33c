package device

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// Attributes of IFLA_INFO_DATA (include/uapi/linux/if_link.h and if_tunnel.h).
const (
	iflaVXLANID              = 1
	iflaVXLANLink            = 3
	iflaVXLANCollectMetadata = 25
	iflaVXLANVNIFilter       = 30
	iflaGeneveID             = 1
	iflaGeneveRemote         = 2
	iflaBareUDPPort          = 1
	iflaBareUDPEthertype     = 2
	iflaGTPFD0               = 1
	iflaGTPFD1               = 2
	iflaAMTMode              = 1
	iflaAMTLink              = 4
	iflaAMTLocalIP           = 5
	iflaXFRMIfID             = 2
	iflaIPTunRemote          = 3
	iflaGREIFlags            = 2
	iflaGREOFlags            = 3
	iflaGREIKey              = 4
	iflaGREOKey              = 5
	iflaGRERemote            = 7
	iflaGREERSPANVersion     = 22
	iflaVTIRemote            = 5

	amtRelay = 1

	// TUNNEL_KEY and TUNNEL_SEQ, which erspan_validate() in net/ipv4/ip_gre.c asks
	// for (GRE_KEY and GRE_SEQ of if_tunnel.h).
	greKeySeq = 0x3000
)

var (
	remote4 = netip.MustParseAddr("192.0.2.2").AsSlice()
	remote6 = netip.MustParseAddr("2001:db8::2").AsSlice()
	local4  = netip.MustParseAddr("192.0.2.1").AsSlice()
)

// tunnelKinds carry packets in packets.
var tunnelKinds = []Kind{
	{
		Name: "vxlan", Family: "tunnel", Module: "vxlan", Config: "CONFIG_VXLAN", Source: "drivers/net/vxlan/vxlan_core.c",
		Driver: Driver{NdoInit: fn("vxlan_init"), NdoUninit: fn("vxlan_uninit")},
		Ways: []Way{
			rtnetlink("vxlan", rtnl.Uint32(iflaVXLANID, 7)),
			rtnetlink("vxlan", rtnl.Uint8(iflaVXLANCollectMetadata, 1), rtnl.Uint8(iflaVXLANVNIFilter, 1)).named("vnifilter").since("6.1"),
			rtnetlinkWith("vxlan", func(e *Env) []rtnl.Attr {
				return []rtnl.Attr{rtnl.Uint32(iflaVXLANID, 7), rtnl.Uint32(iflaVXLANLink, uint32(e.Made(ethernet.Name)))}
			}).with(ethernet).named("link"),
		},
	},
	{
		Name: "geneve", Family: "tunnel", Module: "geneve", Config: "CONFIG_GENEVE", Source: "drivers/net/geneve.c",
		Driver: Driver{NdoInit: fn("geneve_init"), NdoUninit: fn("geneve_uninit"), PrivDestructor: from("7.3", "geneve_free_dev")},
		Ways:   []Way{rtnetlink("geneve", rtnl.Uint32(iflaGeneveID, 7), rtnl.Attr{Type: iflaGeneveRemote, Bytes: remote4})},
	},
	{
		Name: "bareudp", Family: "tunnel", Module: "bareudp", Config: "CONFIG_BAREUDP", Source: "drivers/net/bareudp.c",
		Driver: Driver{NdoInit: fn("bareudp_init"), NdoUninit: fn("bareudp_uninit")},
		Ways:   []Way{rtnetlink("bareudp", rtnl.BigUint16(iflaBareUDPPort, 6635), rtnl.BigUint16(iflaBareUDPEthertype, unix.ETH_P_IP)).without(Slave)},
	},
	{
		Name: "gtp", Family: "tunnel", Module: "gtp", Config: "CONFIG_GTP", Source: "drivers/net/gtp.c",
		Driver: Driver{NdoInit: upTo("6.1", "gtp_dev_init"), NdoUninit: fn("gtp_dev_uninit"), PrivDestructor: fn("gtp_destructor")},
		Ways: []Way{rtnetlinkWith("gtp", func(e *Env) []rtnl.Attr {
			return []rtnl.Attr{rtnl.Uint32(iflaGTPFD0, uint32(e.Made(gtp0.Name))), rtnl.Uint32(iflaGTPFD1, uint32(e.Made(gtp1.Name)))}
		}).with(gtp0, gtp1).without(Slave)},
	},
	{
		Name: "pfcp", Family: "tunnel", Module: "pfcp", Config: "CONFIG_PFCP", Source: "drivers/net/pfcp.c", Lines: Lines{From: "6.12"},
		Driver: Driver{NdoInit: fn("pfcp_dev_init"), NdoUninit: fn("pfcp_dev_uninit")},
		// pfcp_create_sock() passes on what __sock_create() in net/socket.c answers.
		Ways: []Way{rtnetlink("pfcp").without(Slave).short(unix.ENFILE)},
	},
	{
		Name: "amt", Family: "tunnel", Module: "amt", Config: "CONFIG_AMT", Source: "drivers/net/amt.c", Lines: Lines{From: "6.1"},
		Driver: Driver{NdoInit: fn("amt_dev_init"), NdoUninit: fn("amt_dev_uninit")},
		Ways: []Way{rtnetlinkWith("amt", func(e *Env) []rtnl.Attr {
			return []rtnl.Attr{
				rtnl.Uint32(iflaAMTMode, amtRelay),
				rtnl.Uint32(iflaAMTLink, uint32(e.Made(ethernet.Name))),
				{Type: iflaAMTLocalIP, Bytes: local4},
			}
		}).with(ethernet).without(Slave | Namespace)},
	},
	{
		Name: "wireguard", Family: "tunnel", Module: "wireguard", Config: "CONFIG_WIREGUARD", Source: "drivers/net/wireguard/device.c",
		Driver: Driver{PrivDestructor: fn("wg_destruct")},
		Ways:   []Way{rtnetlink("wireguard").without(Slave)},
	},
	{
		Name: "ovpn", Family: "tunnel", Module: "ovpn", Config: "CONFIG_OVPN", Source: "drivers/net/ovpn/main.c", Lines: Lines{From: "7.2"},
		Driver: Driver{NdoInit: fn("ovpn_net_init"), NdoUninit: fn("ovpn_net_uninit"), PrivDestructor: fn("ovpn_priv_free")},
		Ways:   []Way{rtnetlink("ovpn").without(Slave)},
	},
	{
		Name: "ipip", Family: "tunnel", Module: "ipip", Config: "CONFIG_NET_IPIP", Source: "net/ipv4/ipip.c",
		Driver: ipTunnel("ipip_tunnel_init"),
		Ways:   []Way{rtnetlink("ipip", rtnl.Attr{Type: iflaIPTunRemote, Bytes: remote4}).without(Slave), ipipIoctl, ipipMroute},
	},
	{
		Name: "gre", Family: "tunnel", Module: "ip_gre", Config: "CONFIG_NET_IPGRE", Source: "net/ipv4/ip_gre.c",
		Driver: ipTunnel("ipgre_tunnel_init"),
		Ways:   []Way{rtnetlink("gre", rtnl.Attr{Type: iflaGRERemote, Bytes: remote4}).without(Slave), greIoctl},
	},
	{
		Name: "gretap", Family: "tunnel", Module: "ip_gre", Config: "CONFIG_NET_IPGRE", Source: "net/ipv4/ip_gre.c",
		Driver: ipTunnel("gre_tap_init"),
		Ways:   []Way{rtnetlink("gretap", rtnl.Attr{Type: iflaGRERemote, Bytes: remote4})},
	},
	{
		Name: "erspan", Family: "tunnel", Module: "ip_gre", Config: "CONFIG_NET_IPGRE", Source: "net/ipv4/ip_gre.c",
		Driver: ipTunnel("erspan_tunnel_init"),
		Ways:   []Way{rtnetlink("erspan", erspan(remote4)...)},
	},
	{
		Name: "vti", Family: "tunnel", Module: "ip_vti", Config: "CONFIG_NET_IPVTI", Source: "net/ipv4/ip_vti.c",
		Driver: ipTunnel("vti_tunnel_init"),
		Ways:   []Way{rtnetlink("vti", rtnl.Attr{Type: iflaVTIRemote, Bytes: remote4}).without(Slave), vtiIoctl},
	},
	{
		Name: "sit", Family: "tunnel", Module: "sit", Config: "CONFIG_IPV6_SIT", Source: "net/ipv6/sit.c",
		Driver: Driver{NdoInit: fn("ipip6_tunnel_init"), NdoUninit: fn("ipip6_tunnel_uninit"), PrivDestructor: fn("ipip6_dev_free")},
		Ways:   []Way{rtnetlink("sit", rtnl.Attr{Type: iflaIPTunRemote, Bytes: remote4}).without(Slave), sitIoctl},
	},
	{
		Name: "ip6tnl", Family: "tunnel", Module: "ip6_tunnel", Config: "CONFIG_IPV6_TUNNEL", Source: "net/ipv6/ip6_tunnel.c",
		Driver: Driver{NdoInit: fn("ip6_tnl_dev_init"), NdoUninit: fn("ip6_tnl_dev_uninit"), PrivDestructor: fn("ip6_dev_free")},
		Ways:   []Way{rtnetlink("ip6tnl", rtnl.Attr{Type: iflaIPTunRemote, Bytes: remote6}).without(Slave), ip6tnlIoctl},
	},
	{
		Name: "ip6gre", Family: "tunnel", Module: "ip6_gre", Config: "CONFIG_IPV6_GRE", Source: "net/ipv6/ip6_gre.c",
		Driver: Driver{NdoInit: fn("ip6gre_tunnel_init"), NdoUninit: fn("ip6gre_tunnel_uninit"), PrivDestructor: fn("ip6gre_dev_free")},
		Ways:   []Way{rtnetlink("ip6gre", rtnl.Attr{Type: iflaGRERemote, Bytes: remote6}).without(Slave), ip6greIoctl},
	},
	{
		Name: "ip6gretap", Family: "tunnel", Module: "ip6_gre", Config: "CONFIG_IPV6_GRE", Source: "net/ipv6/ip6_gre.c",
		Driver: Driver{NdoInit: fn("ip6gre_tap_init"), NdoUninit: fn("ip6gre_tunnel_uninit"), PrivDestructor: fn("ip6gre_dev_free")},
		Ways:   []Way{rtnetlink("ip6gretap", rtnl.Attr{Type: iflaGRERemote, Bytes: remote6})},
	},
	{
		Name: "ip6erspan", Family: "tunnel", Module: "ip6_gre", Config: "CONFIG_IPV6_GRE", Source: "net/ipv6/ip6_gre.c",
		Driver: Driver{NdoInit: fn("ip6erspan_tap_init"), NdoUninit: fn("ip6erspan_tunnel_uninit"), PrivDestructor: fn("ip6gre_dev_free")},
		Ways:   []Way{rtnetlink("ip6erspan", erspan(remote6)...)},
	},
	{
		Name: "vti6", Family: "tunnel", Module: "ip6_vti", Config: "CONFIG_IPV6_VTI", Source: "net/ipv6/ip6_vti.c",
		Driver: Driver{NdoInit: fn("vti6_dev_init"), NdoUninit: fn("vti6_dev_uninit"), PrivDestructor: upTo("6.1", "vti6_dev_free")},
		Ways:   []Way{rtnetlink("vti6", rtnl.Attr{Type: iflaVTIRemote, Bytes: remote6}).without(Slave), vti6Ioctl},
	},
	{
		Name: "xfrm", Family: "tunnel", Module: "xfrm_interface", Config: "CONFIG_XFRM_INTERFACE", Source: "net/xfrm/xfrm_interface_core.c",
		Driver: Driver{NdoInit: fn("xfrmi_dev_init"), NdoUninit: fn("xfrmi_dev_uninit"), PrivDestructor: fn("xfrmi_dev_free")},
		Ways:   []Way{rtnetlink("xfrm", rtnl.Uint32(iflaXFRMIfID, 7)).without(Slave)},
	},
}

// ipTunnel is a driver on top of net/ipv4/ip_tunnel.c.
func ipTunnel(init string) Driver {
	return Driver{NdoInit: fn(init), NdoUninit: fn("ip_tunnel_uninit"), PrivDestructor: fn("ip_tunnel_dev_free")}
}

// erspan describes a tunnel of version 1, which must have keys and sequence
// numbers.
func erspan(remote []byte) []rtnl.Attr {
	return []rtnl.Attr{
		rtnl.BigUint16(iflaGREIFlags, greKeySeq),
		rtnl.BigUint16(iflaGREOFlags, greKeySeq),
		rtnl.BigUint32(iflaGREIKey, 7),
		rtnl.BigUint32(iflaGREOKey, 7),
		{Type: iflaGRERemote, Bytes: remote},
		rtnl.Uint8(iflaGREERSPANVersion, 1),
	}
}

// gtp0 and gtp1 are the sockets that gtp takes over.
var (
	gtp0 = Need{Name: "socket for GTPv0", Make: udpSocket}
	gtp1 = Need{Name: "socket for GTPv1", Make: udpSocket}
)

// udpSocket opens a UDP socket for the time of the case.
func udpSocket(e *Env) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	e.OnClose(func() error { return unix.Close(fd) })
	return fd, nil
}
