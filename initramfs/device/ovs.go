package device

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// Numbers of include/uapi/linux/openvswitch.h.
const (
	ovsNew = 1 // OVS_DP_CMD_NEW, OVS_VPORT_CMD_NEW
	ovsDel = 2 // OVS_DP_CMD_DEL, OVS_VPORT_CMD_DEL

	ovsDatapathName      = 1 // OVS_DP_ATTR_NAME
	ovsDatapathUpcallPID = 2 // OVS_DP_ATTR_UPCALL_PID

	ovsPortType      = 2 // OVS_VPORT_ATTR_TYPE
	ovsPortName      = 3 // OVS_VPORT_ATTR_NAME
	ovsPortOptions   = 4 // OVS_VPORT_ATTR_OPTIONS
	ovsPortUpcallPID = 5 // OVS_VPORT_ATTR_UPCALL_PID

	ovsInternal = 2 // OVS_VPORT_TYPE_INTERNAL
	ovsGRE      = 3 // OVS_VPORT_TYPE_GRE
	ovsVXLAN    = 4 // OVS_VPORT_TYPE_VXLAN
	ovsGeneve   = 5 // OVS_VPORT_TYPE_GENEVE

	ovsTunnelDstPort = 1 // OVS_TUNNEL_ATTR_DST_PORT
)

// ovsCommand is a command to a family of Open vSwitch, whose header is struct
// ovs_header: the ifindex of the datapath's local port, or 0 where a name tells.
func ovsCommand(family string, number uint8, datapath int, as ...rtnl.Attr) command {
	header := binary.NativeEndian.AppendUint32(nil, uint32(datapath))
	return command{family: family, number: number, header: header, attrs: attrs(as...)}
}

// newDatapath and deleteDatapath are about a datapath and its local port, an
// internal device, which have the same name (ovs_dp_cmd_new() in
// net/openvswitch/datapath.c).
func newDatapath(name string) *genlOp {
	return generic(ovsCommand("ovs_datapath", ovsNew, 0,
		rtnl.Attr{Type: ovsDatapathName, Text: name}, rtnl.Uint32(ovsDatapathUpcallPID, 0)))
}

func deleteDatapath(name string) *genlOp {
	return generic(ovsCommand("ovs_datapath", ovsDel, 0, rtnl.Attr{Type: ovsDatapathName, Text: name}))
}

// ovsSwitch is a datapath that ports are added to.
var ovsSwitch = Need{
	Name: "Open vSwitch datapath",
	Make: func(e *Env) (int, error) {
		const name = "tdovs"
		if err := e.makeGeneric(newDatapath(name), deleteDatapath(name)); err != nil {
			return 0, err
		}
		return index(name)
	},
}

// ovsLocal creates an internal device as the local port of a datapath. The ifindex
// could be chosen since 5.18, but a busy one is answered with EEXIST.
var ovsLocal = Way{
	Name:   "datapath",
	Chosen: Name | Namespace,
	New: func(e *Env, d Device) (Op, error) {
		op := newDatapath(d.Name)
		op.netns = d.NetNS
		return op, nil
	},
	Delete: func(e *Env, d Device) (Op, error) { return deleteDatapath(d.Name), nil },
}

// ovsPort adds a port to a datapath. All but internal ones are tunnels, whose
// devices the kernel makes on the way, and brings up.
func ovsPort(typ uint32, options ...rtnl.Attr) Way {
	return Way{
		Name:   "vport",
		Chosen: Name,
		Needs:  []Need{ovsSwitch},
		New: func(e *Env, d Device) (Op, error) {
			as := []rtnl.Attr{
				{Type: ovsPortName, Text: d.Name},
				rtnl.Uint32(ovsPortType, typ),
				rtnl.Uint32(ovsPortUpcallPID, 0),
			}
			if len(options) > 0 {
				as = append(as, rtnl.Attr{Type: ovsPortOptions, Nested: options})
			}
			return generic(ovsCommand("ovs_vport", ovsNew, e.Made(ovsSwitch.Name), as...)), nil
		},
		Delete: func(e *Env, d Device) (Op, error) {
			return generic(ovsCommand("ovs_vport", ovsDel, 0, rtnl.Attr{Type: ovsPortName, Text: d.Name})), nil
		},
	}
}

// ovsTunnel is [ovsPort] for a tunnel over UDP, which needs a port number there. Its
// socket is opened when it is brought up, and __sock_create() in net/socket.c answers
// ENFILE when it has no memory for one.
func ovsTunnel(typ uint32, udp uint16) Way {
	return ovsPort(typ, rtnl.Uint16(ovsTunnelDstPort, udp)).short(unix.ENFILE)
}
