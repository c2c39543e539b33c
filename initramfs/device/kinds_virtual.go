package device

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// Attributes of IFLA_INFO_DATA, by the header under include/uapi/linux that has
// them.
const (
	iflaVLANID        = 1 // if_link.h
	iflaVLANEgressQoS = 3
	iflaVLANQoSMap    = 1
	iflaMacvlanMode   = 1
	iflaHSRSlave1     = 1
	iflaHSRSlave2     = 2
	iflaHSRProtocol   = 7
	iflaVRFTable      = 1
	iflaRmnetMuxID    = 1
	iflaNetkitPeer    = 1
	vxcanInfoPeer     = 1 // can/vxcan.h
	macvlanModeBridge = 4
	hsrProtocolPRP    = 1
)

// vlanEgress maps packets of priority 1 to priority 2 on the wire (struct
// ifla_vlan_qos_mapping of if_link.h): the driver allocates for that before it
// registers the device (vlan_dev_set_egress_priority() in net/8021q/vlan_dev.c).
var vlanEgress = rtnl.Attr{Type: iflaVLANEgressQoS, Nested: []rtnl.Attr{
	{Type: iflaVLANQoSMap, Bytes: binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 1), 2)},
}}

// virtualKinds stand alone, on one device, or above several.
var virtualKinds = []Kind{
	{
		Name: "ifb", Family: "virtual", Module: "ifb", Idle: "numifbs=0", Config: "CONFIG_IFB", Source: "drivers/net/ifb.c",
		Load:   Load{"numifbs=3", []string{"ifb0", "ifb1", "ifb2"}},
		Driver: Driver{NdoInit: fn("ifb_dev_init"), PrivDestructor: fn("ifb_dev_free")},
		Ways:   []Way{rtnetlink("ifb").without(Slave)},
	},
	{
		Name: "nlmon", Family: "virtual", Module: "nlmon", Config: "CONFIG_NLMON", Source: "drivers/net/nlmon.c",
		Driver: Driver{NdoInit: upTo("6.1", "nlmon_dev_init"), NdoUninit: upTo("6.1", "nlmon_dev_uninit")},
		Ways:   []Way{rtnetlink("nlmon").without(Slave)},
	},
	{
		Name: "vsockmon", Family: "virtual", Module: "vsockmon", Config: "CONFIG_VSOCKMON", Source: "drivers/net/vsockmon.c",
		Driver: Driver{NdoInit: upTo("6.1", "vsockmon_dev_init"), NdoUninit: upTo("6.1", "vsockmon_dev_uninit")},
		Ways:   []Way{rtnetlink("vsockmon").without(Slave)},
	},
	{
		Name: "team", Family: "virtual", Module: "team", Config: "CONFIG_NET_TEAM", Source: "drivers/net/team/team_core.c",
		Driver: Driver{NdoInit: fn("team_init"), NdoUninit: fn("team_uninit"), PrivDestructor: fn("team_destructor")},
		Ways:   []Way{rtnetlink("team")},
	},
	{
		Name: "netkit", Family: "virtual", Module: "netkit", Config: "CONFIG_NETKIT", Source: "drivers/net/netkit.c", Lines: Lines{From: "6.12"},
		Driver: Driver{NdoInit: from("7.2", "netkit_init"), NdoUninit: fn("netkit_uninit")},
		Ways:   []Way{pair("netkit", iflaNetkitPeer).without(Slave | PeerFlags)},
		Pair:   true,
	},
	{
		Name: "macvlan", Family: "virtual", Module: "macvlan", Config: "CONFIG_MACVLAN", Source: "drivers/net/macvlan.c",
		Driver: macvlan,
		Ways:   []Way{rtnetlink("macvlan", rtnl.Uint32(iflaMacvlanMode, macvlanModeBridge)).over(ethernet)},
	},
	{
		Name: "macvtap", Family: "virtual", Module: "macvtap", Config: "CONFIG_MACVTAP", Source: "drivers/net/macvtap.c",
		Driver: macvlan,
		Ways:   []Way{rtnetlink("macvtap", rtnl.Uint32(iflaMacvlanMode, macvlanModeBridge)).over(ethernet)},
	},
	{
		Name: "ipvlan", Family: "virtual", Module: "ipvlan", Config: "CONFIG_IPVLAN", Source: "drivers/net/ipvlan/ipvlan_main.c",
		Driver: ipvlan,
		Ways:   []Way{rtnetlink("ipvlan").over(ethernet).without(Slave)},
	},
	{
		Name: "ipvtap", Family: "virtual", Module: "ipvtap", Config: "CONFIG_IPVTAP", Source: "drivers/net/ipvlan/ipvtap.c",
		Driver: ipvlan,
		Ways:   []Way{rtnetlink("ipvtap").over(ethernet).without(Slave)},
	},
	{
		Name: "vlan", Family: "virtual", Module: "8021q", Config: "CONFIG_VLAN_8021Q", Source: "net/8021q/vlan_dev.c",
		Driver: Driver{NdoInit: fn("vlan_dev_init"), NdoUninit: fn("vlan_dev_uninit"), PrivDestructor: fn("vlan_dev_free")},
		Ways:   []Way{rtnetlink("vlan", rtnl.Uint16(iflaVLANID, 7), vlanEgress).over(ethernet), vlanIoctl},
	},
	{
		Name: "macsec", Family: "virtual", Module: "macsec", Config: "CONFIG_MACSEC", Source: "drivers/net/macsec.c",
		Driver: Driver{NdoInit: fn("macsec_dev_init"), NdoUninit: fn("macsec_dev_uninit"), PrivDestructor: fn("macsec_free_netdev")},
		Ways:   []Way{rtnetlink("macsec").over(ethernet)},
	},
	{
		Name: "hsr", Family: "virtual", Module: "hsr", Config: "CONFIG_HSR", Source: "net/hsr/hsr_device.c",
		Ways: []Way{rtnetlinkWith("hsr", ring()).with(ethernet, second).without(Slave | Namespace)},
	},
	{
		Name: "prp", Family: "virtual", Module: "hsr", Config: "CONFIG_HSR", Source: "net/hsr/hsr_device.c",
		Ways: []Way{rtnetlinkWith("hsr", ring(rtnl.Uint8(iflaHSRProtocol, hsrProtocolPRP))).with(ethernet, second).without(Slave | Namespace)},
	},
	{
		Name: "vrf", Family: "virtual", Module: "vrf", Config: "CONFIG_NET_VRF", Source: "drivers/net/vrf.c",
		Driver: Driver{NdoInit: fn("vrf_dev_init"), NdoUninit: fn("vrf_dev_uninit")},
		Ways:   []Way{rtnetlink("vrf", rtnl.Uint32(iflaVRFTable, 100)).without(Slave)},
	},
	{
		Name: "bridge", Family: "virtual", Module: "bridge", Config: "CONFIG_BRIDGE", Source: "net/bridge/br_device.c",
		Driver: Driver{NdoInit: fn("br_dev_init"), NdoUninit: fn("br_dev_uninit")},
		Ways:   []Way{rtnetlink("bridge"), bridgeIoctl},
	},
	{
		Name: "batadv", Family: "virtual", Module: "batman-adv", Config: "CONFIG_BATMAN_ADV", Source: "net/batman-adv/mesh-interface.c",
		Driver: Driver{NdoInit: mesh("init_late"), PrivDestructor: mesh("free")},
		Ways:   []Way{rtnetlink("batadv")},
	},
	{
		Name: "rmnet", Family: "virtual", Module: "rmnet", Config: "CONFIG_RMNET", Source: "drivers/net/ethernet/qualcomm/rmnet/rmnet_vnd.c",
		Driver: Driver{NdoInit: fn("rmnet_vnd_init"), NdoUninit: fn("rmnet_vnd_uninit")},
		Ways:   []Way{rtnetlink("rmnet", rtnl.Uint16(iflaRmnetMuxID, 1)).over(ethernet).without(Slave)},
	},
}

var (
	macvlan = Driver{NdoInit: fn("macvlan_init"), NdoUninit: fn("macvlan_uninit"), PrivDestructor: from("6.1", "macvlan_dev_free")}
	ipvlan  = Driver{NdoInit: fn("ipvlan_init"), NdoUninit: fn("ipvlan_uninit")}
)

// mesh is a function of net/batman-adv/mesh-interface.c, which was
// soft-interface.c up to 6.12.
func mesh(name string) []Function {
	return append(upTo("6.12", "batadv_softif_"+name), from("7.2", "batadv_meshif_"+name)...)
}

// ring describes a device above two others, which hsr asks for by attributes of
// its own.
func ring(more ...rtnl.Attr) func(e *Env) []rtnl.Attr {
	return func(e *Env) []rtnl.Attr {
		return append([]rtnl.Attr{
			rtnl.Uint32(iflaHSRSlave1, uint32(e.Made(ethernet.Name))),
			rtnl.Uint32(iflaHSRSlave2, uint32(e.Made(second.Name))),
		}, more...)
	}
}

// canKinds are the CAN devices without hardware.
var canKinds = []Kind{
	{
		Name: "vcan", Family: "can", Module: "vcan", Config: "CONFIG_CAN_VCAN", Source: "drivers/net/can/vcan.c",
		Ways: []Way{rtnetlink("vcan").without(Slave)},
	},
	{
		Name: "vxcan", Family: "can", Module: "vxcan", Config: "CONFIG_CAN_VXCAN", Source: "drivers/net/can/vxcan.c",
		Ways: []Way{pair("vxcan", vxcanInfoPeer).without(Slave)},
		Pair: true,
	},
	{
		// open_candev() wants a bit rate, here and below.
		Name: "dummy_can", Family: "can", Module: "dummy_can", Eager: true, Config: "CONFIG_CAN_DUMMY", Source: "drivers/net/can/dummy_can.c",
		Lines: Lines{From: "7.2"},
		Ways:  []Way{loading("dummy_can", "", "can0").numbered().down(unix.EINVAL)},
	},
	{
		Name: "kvaser_pci", Family: "can", Module: "kvaser_pci", Eager: true, Config: "CONFIG_CAN_KVASER_PCI",
		Source: "drivers/net/can/sja1000/kvaser_pci.c",
		Ways:   []Way{kvaser.driven("kvaser_pci", "can0", "sja1000").down(unix.EINVAL).short(unix.EBUSY)},
	},
	{
		Name: "ctucanfd_pci", Family: "can", Module: "ctucanfd_pci", Eager: true, Config: "CONFIG_CAN_CTUCANFD_PCI",
		Source: "drivers/net/can/ctucanfd/ctucanfd_base.c",
		Lines:  Lines{From: "6.1"},
		Ways:   []Way{ctucan.driven("ctucanfd_pci", "can0", "ctucanfd").down(unix.EINVAL).short(unix.EBUSY, unix.EIO)},
	},
}
