package device

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Commands of L2CAP's signalling channel, L2CAP_* of include/net/bluetooth/l2cap.h.
const (
	l2capConnReq    = 0x02
	l2capConnRsp    = 0x03
	l2capConfReq    = 0x04
	l2capConfRsp    = 0x05
	l2capDisconnReq = 0x06
	l2capDisconnRsp = 0x07
	l2capInfoReq    = 0x0a
	l2capInfoRsp    = 0x0b
	l2capLEConnReq  = 0x14
	l2capLEConnRsp  = 0x15
)

const (
	l2capSignalling   = 0x0001 // L2CAP_CID_SIGNALING
	l2capATT          = 0x0004 // L2CAP_CID_ATT
	l2capLESignalling = 0x0005 // L2CAP_CID_LE_SIGNALING
	l2capSuccess      = 0x0000 // L2CAP_CR_SUCCESS, L2CAP_CONF_SUCCESS
	l2capNotSupported = 0x0001 // L2CAP_IR_NOTSUPP
)

// An l2capFrame is a frame of a channel (struct l2cap_hdr).
type l2capFrame struct {
	channel uint16
	data    []byte
}

// An l2capCommand is a command of a signalling channel (struct l2cap_cmd_hdr).
type l2capCommand struct {
	code, ident byte
	data        []byte
}

var errL2CAP = errors.New("malformed L2CAP frame")

// parseL2CAP takes a frame apart.
func parseL2CAP(b []byte) (f l2capFrame, err error) {
	if len(b) < 4 || int(binary.LittleEndian.Uint16(b)) != len(b)-4 {
		return f, fmt.Errorf("%w: % x", errL2CAP, b)
	}
	return l2capFrame{binary.LittleEndian.Uint16(b[2:]), b[4:]}, nil
}

// packet is the frame as the remote device sends it, in one packet.
func (f l2capFrame) packet() []byte {
	length := uint16(len(f.data))
	return slices.Concat([]byte{hciACLData}, le16(hciHandle|hciACLStart<<12, 4+length, length, f.channel), f.data)
}

// parseSignal takes apart the command in a signalling frame. The kernel sends one at a
// time (l2cap_build_cmd() in net/bluetooth/l2cap_core.c).
func parseSignal(b []byte) (c l2capCommand, err error) {
	if len(b) < 4 || int(binary.LittleEndian.Uint16(b[2:])) != len(b)-4 {
		return c, fmt.Errorf("%w: % x", errL2CAP, b)
	}
	return l2capCommand{b[0], b[1], b[4:]}, nil
}

// on is the frame that carries the command on a signalling channel.
func (c l2capCommand) on(channel uint16) l2capFrame {
	return l2capFrame{channel, slices.Concat([]byte{c.code, c.ident}, le16(uint16(len(c.data))), c.data)}
}

// A reply is how the remote device replies to a command: needs is how many bytes of it
// that takes. The remote device gives each channel the number that it has in
// the kernel.
type reply struct {
	needs int
	make  func(c l2capCommand) []l2capCommand
}

var l2capReplies = map[byte]reply{
	// struct l2cap_info_req: type. The device has no features to tell of.
	l2capInfoReq: {2, func(c l2capCommand) []l2capCommand {
		return []l2capCommand{{l2capInfoRsp, c.ident, slices.Concat(c.data[:2], le16(l2capNotSupported))}}
	}},
	// struct l2cap_conn_req: psm, scid. Each side then configures the channel.
	l2capConnReq: {4, func(c l2capCommand) []l2capCommand {
		channel := c.data[2:4]
		return []l2capCommand{
			{l2capConnRsp, c.ident, slices.Concat(channel, channel, le16(l2capSuccess, 0))},
			{l2capConfReq, c.ident, slices.Concat(channel, le16(0))},
		}
	}},
	// struct l2cap_conf_req: dcid, flags, options.
	l2capConfReq: {4, func(c l2capCommand) []l2capCommand {
		return []l2capCommand{{l2capConfRsp, c.ident, slices.Concat(c.data[:2], le16(0, l2capSuccess))}}
	}},
	// struct l2cap_disconn_req: dcid, scid.
	l2capDisconnReq: {4, func(c l2capCommand) []l2capCommand {
		return []l2capCommand{{l2capDisconnRsp, c.ident, c.data[:4]}}
	}},
	// struct l2cap_le_conn_req: psm, scid, mtu, mps, credits.
	l2capLEConnReq: {10, func(c l2capCommand) []l2capCommand {
		return []l2capCommand{{l2capLEConnRsp, c.ident, slices.Concat(c.data[2:10], le16(l2capSuccess))}}
	}},
}

// remote returns the packets with which the remote device replies to data. It
// echoes what comes on the attribute channel, and only takes what comes on others.
func remote(data []byte) ([][]byte, error) {
	f, err := parseL2CAP(data)
	if err != nil {
		return nil, err
	}
	switch f.channel {
	case l2capSignalling, l2capLESignalling:
		return f.reply()
	case l2capATT:
		return [][]byte{f.packet()}, nil
	}
	return nil, nil
}

// reply returns the packets with which the remote device replies to a command.
func (f l2capFrame) reply() ([][]byte, error) {
	c, err := parseSignal(f.data)
	if err != nil {
		return nil, err
	}
	reply, ok := l2capReplies[c.code]
	if !ok {
		return nil, nil
	}
	if len(c.data) < reply.needs {
		return nil, fmt.Errorf("%w: % x", errL2CAP, f.data)
	}
	var packets [][]byte
	for _, r := range reply.make(c) {
		packets = append(packets, r.on(f.channel).packet())
	}
	return packets, nil
}
