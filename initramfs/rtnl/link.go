// Package rtnl speaks rtnetlink (RTM_NEWLINK, RTM_SETLINK, RTM_DELLINK) one
// system call at a time.
//
// A request is encoded ahead of time and sent by a single sendto(2) on the
// calling thread, outside Go's poller, so that a fault armed for that thread
// hits the kernel's handling of the request and nothing else. Encoding is left
// to github.com/mdlayher/netlink.
package rtnl

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// An Attr is one netlink attribute. Exactly one of Nested, Text, Bytes and
// Number is used, looked for in this order.
type Attr struct {
	Type   uint16 // IFLA_* or the kind's own number
	Nested []Attr
	Text   string // sent with its terminating zero
	Bytes  []byte
	Number Number
}

// A Number is an integer attribute of 1, 2, 4 or 8 bytes, in host order.
type Number struct {
	Size  int
	Value uint64
}

// Uint8 returns an attribute of one byte.
func Uint8(typ uint16, v uint8) Attr { return Attr{Type: typ, Number: Number{1, uint64(v)}} }

// Uint16 returns an attribute of two bytes.
func Uint16(typ uint16, v uint16) Attr { return Attr{Type: typ, Number: Number{2, uint64(v)}} }

// BigUint16 returns an attribute of two bytes in network order.
func BigUint16(typ uint16, v uint16) Attr {
	return Attr{Type: typ, Bytes: binary.BigEndian.AppendUint16(nil, v)}
}

// BigUint32 returns an attribute of four bytes in network order.
func BigUint32(typ uint16, v uint32) Attr {
	return Attr{Type: typ, Bytes: binary.BigEndian.AppendUint32(nil, v)}
}

// Uint32 returns an attribute of four bytes.
func Uint32(typ uint16, v uint32) Attr { return Attr{Type: typ, Number: Number{4, uint64(v)}} }

// encode appends attrs to ae.
func encode(ae *netlink.AttributeEncoder, attrs []Attr) {
	for _, a := range attrs {
		switch {
		case a.Nested != nil:
			ae.Nested(a.Type, func(nae *netlink.AttributeEncoder) error {
				encode(nae, a.Nested)
				return nil
			})
		case a.Text != "":
			ae.String(a.Type, a.Text)
		case a.Bytes != nil:
			ae.Bytes(a.Type, a.Bytes)
		default:
			encodeNumber(ae, a)
		}
	}
}

func encodeNumber(ae *netlink.AttributeEncoder, a Attr) {
	switch a.Number.Size {
	case 1:
		ae.Uint8(a.Type, uint8(a.Number.Value))
	case 2:
		ae.Uint16(a.Type, uint16(a.Number.Value))
	case 4:
		ae.Uint32(a.Type, uint32(a.Number.Value))
	case 8:
		ae.Uint64(a.Type, a.Number.Value)
	}
}

// A Link describes a device in a request. Zero fields are left out.
type Link struct {
	Name     string
	Index    int    // ifi_index; the kernel chooses when 0
	Kind     string // IFLA_INFO_KIND
	Data     []Attr // IFLA_INFO_DATA
	Master   int    // IFLA_MASTER; -1 asks for no master
	Lower    int    // IFLA_LINK
	MTU      int    // IFLA_MTU, bytes
	TxQueues int    // IFLA_NUM_TX_QUEUES
	Parent   string // IFLA_PARENT_DEV_NAME: the device in sysfs that it belongs to
	NetNS    int    // IFLA_NET_NS_FD: descriptor of the namespace the device goes to
	Up, Down bool   // IFF_UP in ifi_flags, set or cleared
}

// ifinfomsg encodes struct ifinfomsg of include/uapi/linux/rtnetlink.h.
func (l Link) ifinfomsg() []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(l.Index))
	if l.Up {
		binary.NativeEndian.PutUint32(b[8:], unix.IFF_UP)
	}
	if l.Up || l.Down {
		binary.NativeEndian.PutUint32(b[12:], unix.IFF_UP)
	}
	return b
}

func (l Link) attrs() []Attr {
	var as []Attr
	if l.Name != "" {
		as = append(as, Attr{Type: unix.IFLA_IFNAME, Text: l.Name})
	}
	if l.Parent != "" {
		as = append(as, Attr{Type: unix.IFLA_PARENT_DEV_NAME, Text: l.Parent})
	}
	for _, n := range []struct {
		typ   uint16
		value int
	}{
		{unix.IFLA_LINK, l.Lower},
		{unix.IFLA_MTU, l.MTU},
		{unix.IFLA_NUM_TX_QUEUES, l.TxQueues},
		{unix.IFLA_NET_NS_FD, l.NetNS},
	} {
		if n.value != 0 {
			as = append(as, Uint32(n.typ, uint32(n.value)))
		}
	}
	if l.Master != 0 {
		as = append(as, Uint32(unix.IFLA_MASTER, uint32(max(l.Master, 0))))
	}
	if l.Kind != "" {
		info := []Attr{{Type: unix.IFLA_INFO_KIND, Text: l.Kind}}
		if l.Data != nil {
			info = append(info, Attr{Type: unix.IFLA_INFO_DATA, Nested: l.Data})
		}
		as = append(as, Attr{Type: unix.IFLA_LINKINFO, Nested: info})
	}
	return as
}

// Bytes encodes l as it stands inside another attribute, which is how the peer
// of a pair is described (VETH_INFO_PEER): struct ifinfomsg, then attributes.
func (l Link) Bytes() ([]byte, error) {
	ae := netlink.NewAttributeEncoder()
	encode(ae, l.attrs())
	b, err := ae.Encode()
	if err != nil {
		return nil, fmt.Errorf("encode link %q: %w", l.Name, err)
	}
	return append(l.ifinfomsg(), b...), nil
}

// A Request is an encoded message, ready to be sent any number of times.
type Request []byte

func (l Link) request(typ uint16, flags netlink.HeaderFlags) (Request, error) {
	r, err := NewRequest(typ, flags, l.ifinfomsg(), l.attrs())
	if err != nil {
		return nil, fmt.Errorf("link %q: %w", l.Name, err)
	}
	return r, nil
}

// NewRequest encodes a request of any netlink protocol: a header of its own, then
// attributes.
func NewRequest(typ uint16, flags netlink.HeaderFlags, header []byte, attrs []Attr) (Request, error) {
	ae := netlink.NewAttributeEncoder()
	encode(ae, attrs)
	b, err := ae.Encode()
	if err != nil {
		return nil, fmt.Errorf("encode attributes: %w", err)
	}
	data := slices.Concat(header, b)
	m := netlink.Message{
		Header: netlink.Header{
			Length: uint32(unix.NLMSG_HDRLEN + len(data)),
			Type:   netlink.HeaderType(typ),
			Flags:  netlink.Request | netlink.Acknowledge | flags,
		},
		Data: data,
	}
	b, err = m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return b, nil
}

// New encodes the RTM_NEWLINK request that creates l. NLM_F_EXCL is left out on
// purpose: with it, kernels from 7.2 on look for an existing device in the
// target namespace and refuse before they allocate (rtnl_newlink()).
func (l Link) New() (Request, error) { return l.request(unix.RTM_NEWLINK, netlink.Create) }

// Set encodes the RTM_SETLINK request that changes the device l.Index to l.
func (l Link) Set() (Request, error) { return l.request(unix.RTM_SETLINK, 0) }

// Delete encodes the RTM_DELLINK request for the device with l's index or, when
// that is 0, l's name.
func (l Link) Delete() (Request, error) {
	if l.Index != 0 {
		l = Link{Index: l.Index}
	} else {
		l = Link{Name: l.Name}
	}
	return l.request(unix.RTM_DELLINK, 0)
}
