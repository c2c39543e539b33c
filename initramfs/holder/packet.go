package holder

import (
	"golang.org/x/sys/unix"
)

const packetNotifier = "packet_notifier() in net/packet/af_packet.c"

// packets are sockets of AF_PACKET.
var packets = []Holder{
	{Name: "packet-socket", Up: true, Config: "CONFIG_PACKET", Lacking: noSocket, LetsGo: packetNotifier, Take: packetSocket},
	{Name: "packet-fanout", Up: true, Config: "CONFIG_PACKET", Lacking: noSocket, LetsGo: packetNotifier, Take: packetFanout},
	{Name: "packet-ring", Up: true, Config: "CONFIG_PACKET", Lacking: noSocket, LetsGo: packetNotifier, Take: packetRing},
	{Name: "packet-membership", Config: "CONFIG_PACKET", Lacking: noSocket, LetsGo: packetNotifier, Take: packetMembership},
}

// noSocket is what socket(2) says of a family or protocol that the kernel does
// not have.
var noSocket = []unix.Errno{unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT, unix.ESOCKTNOSUPPORT}

// allProtocols is ETH_P_ALL in network order.
const allProtocols = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8

// bound opens a packet socket that is bound to the device.
func (h *Held) bound(t Target) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	return h.fd(fd), unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allProtocols, Ifindex: t.Index})
}

// unusable are the uses of a packet socket whose device is gone: it is told once
// that it went down, and then is bound to none.
func unusable(fd int) []Use {
	return []Use{
		{What: "read from the packet socket", Want: unix.ENETDOWN, Do: func() error { return receive(fd) }},
		{What: "write to the packet socket", Want: unix.ENXIO, Do: func() error {
			_, err := unix.Write(fd, make([]byte, 60))
			return err
		}},
	}
}

// receive reads one datagram, without waiting.
func receive(fd int) error {
	_, _, err := unix.Recvfrom(fd, make([]byte, 4096), unix.MSG_DONTWAIT)
	return err
}

func packetSocket(t Target) (*Held, error) {
	h := &Held{}
	fd, err := h.bound(t)
	if err != nil {
		return h.abandon(err)
	}
	h.After = unusable(fd)
	return h, nil
}

// fanoutGroup is the number of the group, which nobody else uses.
const fanoutGroup = 0x7464

// packetFanout shares the device between the two sockets of one group.
func packetFanout(t Target) (*Held, error) {
	h := &Held{}
	for range 2 {
		fd, err := h.bound(t)
		if err != nil {
			return h.abandon(err)
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, fanoutGroup|unix.PACKET_FANOUT_HASH<<16); err != nil {
			return h.abandon(err)
		}
		h.After = append(h.After, unusable(fd)...)
	}
	return h, nil
}

// packetRing maps a receive ring.
func packetRing(t Target) (*Held, error) {
	const block, frame = 4096, 2048
	h := &Held{}
	fd, err := h.bound(t)
	if err != nil {
		return h.abandon(err)
	}
	ring := unix.TpacketReq{Block_size: block, Block_nr: 2, Frame_size: frame, Frame_nr: 2 * block / frame}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &ring); err != nil {
		return h.abandon(err)
	}
	mapped, err := unix.Mmap(fd, 0, 2*block, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return h.abandon(err)
	}
	h.onClose(func() error { return unix.Munmap(mapped) })
	h.After = unusable(fd)
	return h, nil
}

// packetMembership makes the device promiscuous, and has it receive a multicast
// address, by a socket that is not bound to it.
func packetMembership(t Target) (*Held, error) {
	h := &Held{}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	h.fd(fd)
	for _, m := range []unix.PacketMreq{
		{Ifindex: int32(t.Index), Type: unix.PACKET_MR_PROMISC},
		{Ifindex: int32(t.Index), Type: unix.PACKET_MR_MULTICAST, Alen: 6, Address: [8]uint8{0x01, 0x00, 0x5e, 0x7f, 0x00, 0x01}},
	} {
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return h.abandon(err)
		}
		// packet_mc_drop() does not mind that the membership went with the device.
		h.After = append(h.After, Use{What: "drop the membership", Do: func() error {
			return unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_DROP_MEMBERSHIP, &m)
		}})
	}
	return h, nil
}
