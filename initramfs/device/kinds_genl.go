package device

// genlKinds are created by commands of generic netlink.
var genlKinds = []Kind{
	{
		Name:   "ovs_internal",
		Driver: Driver{PrivDestructor: fn("internal_dev_destructor")},
		Family: "virtual",
		Module: "openvswitch",
		Config: "CONFIG_OPENVSWITCH",
		Source: "net/openvswitch/vport-internal_dev.c",
		Ways:   []Way{ovsLocal, ovsPort(ovsInternal)},
	},
	{
		Name:   "ovs_vxlan",
		Driver: Driver{NdoInit: fn("vxlan_init"), NdoUninit: fn("vxlan_uninit")},
		Family: "tunnel",
		Module: "vport_vxlan",
		Config: "CONFIG_OPENVSWITCH_VXLAN",
		Source: "net/openvswitch/vport-vxlan.c",
		Lines:  Lines{To: "7.2"},
		Ways:   []Way{ovsTunnel(ovsVXLAN, 4789)},
	},
	{
		Name:   "ovs_geneve",
		Driver: Driver{NdoInit: fn("geneve_init"), NdoUninit: fn("geneve_uninit")},
		Family: "tunnel",
		Module: "vport_geneve",
		Config: "CONFIG_OPENVSWITCH_GENEVE",
		Source: "net/openvswitch/vport-geneve.c",
		Lines:  Lines{To: "7.2"},
		Ways:   []Way{ovsTunnel(ovsGeneve, 6081)},
	},
	{
		Name:   "ovs_gre",
		Driver: Driver{NdoInit: fn("gre_tap_init"), NdoUninit: fn("ip_tunnel_uninit"), PrivDestructor: fn("ip_tunnel_dev_free")},
		Family: "tunnel",
		Module: "vport_gre",
		Config: "CONFIG_OPENVSWITCH_GRE",
		Source: "net/openvswitch/vport-gre.c",
		Lines:  Lines{To: "7.2"},
		Ways:   []Way{ovsPort(ovsGRE)},
	},
	{
		Name:   "l2tpeth",
		Driver: Driver{NdoInit: fn("l2tp_eth_dev_init"), NdoUninit: fn("l2tp_eth_dev_uninit")},
		Family: "tunnel",
		Module: "l2tp_eth",
		Config: "CONFIG_L2TP_ETH",
		Source: "net/l2tp/l2tp_eth.c",
		Ways:   []Way{l2tpEth},
	},
}
