package holder

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// dumps are answers to rtnetlink that were read in part. Between two reads the
// kernel remembers where it was by number (struct netlink_callback), and
// inet_dump_ifaddr() or rtnl_dump_ifinfo() goes on from there.
var dumps = []Holder{
	{Name: "dump-addresses", LetsGo: "nothing is held between two parts of a dump (net/netlink/af_netlink.c)", Take: dumpAddresses},
	{Name: "dump-links", LetsGo: "nothing is held between two parts of a dump (net/netlink/af_netlink.c)", Take: dumpLinks},
}

// manyAddresses do not fit into the first part of a dump, which is less than a
// page (NLMSG_GOODSIZE), at 68 bytes each.
const manyAddresses = 64

// dumpAddresses is in the middle of the device's addresses when it goes.
func dumpAddresses(t Target) (*Held, error) {
	h := &Held{}
	handle, err := h.rtnetlink()
	if err != nil {
		return nil, err
	}
	for n := range manyAddresses {
		if _, _, err := addAddress(handle, t, fmt.Sprintf("192.0.2.%d/32", n+1), 0); err != nil {
			return h.abandon(err)
		}
	}
	// struct ifaddrmsg: all of the family, without a prefix, flags and a device.
	return h.dump(unix.RTM_GETADDR, []byte{unix.AF_INET, 0, 0, 0, 0, 0, 0, 0})
}

// dumpLinks has read the part of the dump with the devices, and not its end.
func dumpLinks(Target) (*Held, error) {
	return (&Held{}).dump(unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg))
}

// dump asks for a dump, and reads its first part.
func (h *Held) dump(typ uint16, body []byte) (*Held, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return h.abandon(err)
	}
	h.fd(fd)
	request, err := (&netlink.Message{
		Header: netlink.Header{
			Length:   uint32(unix.NLMSG_HDRLEN + len(body)),
			Type:     netlink.HeaderType(typ),
			Flags:    netlink.Request | netlink.Dump,
			Sequence: 1,
		},
		Data: body,
	}).MarshalBinary()
	if err != nil {
		return h.abandon(err)
	}
	if _, err := unix.Write(fd, request); err != nil {
		return h.abandon(err)
	}
	if over, err := part(fd); err != nil || over {
		return h.abandon(fmt.Errorf("the dump was over at once (%v)", err))
	}
	h.After = []Use{{What: "read the rest of the dump", Do: func() error { return rest(fd) }}}
	return h, nil
}

// rest reads all that is left of a dump.
func rest(fd int) error {
	for {
		if over, err := part(fd); err != nil || over {
			return err
		}
	}
}

// part reads one datagram of a dump, and reports whether it is the last one.
func part(fd int) (over bool, err error) {
	buf := make([]byte, 32<<10)
	n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
	if err != nil {
		return false, err
	}
	return last(buf[:n])
}

// last reports whether a datagram ends a dump, and with what error.
func last(b []byte) (bool, error) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return true, fmt.Errorf("malformed message of %d bytes", size)
		}
		switch typ, body := binary.NativeEndian.Uint16(b[4:]), b[unix.NLMSG_HDRLEN:size]; {
		case typ == unix.NLMSG_DONE:
			return true, nil
		case typ == unix.NLMSG_ERROR && len(body) >= 4:
			return true, unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return false, nil
}
