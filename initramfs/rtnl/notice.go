package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ErrOverrun is returned when a listener lost notifications.
var ErrOverrun = errors.New("notifications were lost")

// A Notice is one link notification: that a device came, changed or went.
type Notice struct {
	Gone  bool // RTM_DELLINK, else RTM_NEWLINK
	Index int
	Name  string
}

func (n Notice) String() string {
	verb := "RTM_NEWLINK"
	if n.Gone {
		verb = "RTM_DELLINK"
	}
	return fmt.Sprintf("%s %s (ifindex %d)", verb, n.Name, n.Index)
}

// Notices returns the notifications queued on a listening socket, without
// waiting. [ErrOverrun] means that some are missing.
func (c *Conn) Notices() ([]Notice, error) {
	var notices []Notice
	var lost error
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return notices, lost
		case err == unix.ENOBUFS:
			lost = ErrOverrun
			continue
		case err != nil:
			return notices, fmt.Errorf("receive notifications: %w", err)
		}
		notices = append(notices, parseLinks(c.buf[:n])...)
	}
}

// parseLinks decodes the link messages of one datagram and passes over the rest.
func parseLinks(b []byte) []Notice {
	var links []Notice
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			break
		}
		typ := binary.NativeEndian.Uint16(b[4:])
		body := b[unix.NLMSG_HDRLEN:size]
		b = b[min(len(b), (size+3)&^3):]
		if (typ == unix.RTM_NEWLINK || typ == unix.RTM_DELLINK) && len(body) >= unix.SizeofIfInfomsg {
			links = append(links, parseLink(typ, body))
		}
	}
	return links
}

func parseLink(typ uint16, body []byte) Notice {
	n := Notice{
		Gone:  typ == unix.RTM_DELLINK,
		Index: int(int32(binary.NativeEndian.Uint32(body[4:]))),
	}
	ad, err := netlink.NewAttributeDecoder(body[unix.SizeofIfInfomsg:])
	if err != nil {
		return n
	}
	for ad.Next() {
		if ad.Type() == unix.IFLA_IFNAME {
			n.Name = ad.String()
		}
	}
	return n
}

// rtextFilterSkipStats is RTEXT_FILTER_SKIP_STATS of include/uapi/linux/rtnetlink.h.
const rtextFilterSkipStats = 1 << 3

// SkipStats leaves the statistics of the devices, which are most of a dump, out of
// [Conn.Links].
var SkipStats = Uint32(unix.IFLA_EXT_MASK, rtextFilterSkipStats)

// Links lists the devices of the socket's namespace (RTM_GETLINK).
func (c *Conn) Links(filter ...Attr) ([]Notice, error) {
	req, err := NewRequest(unix.RTM_GETLINK, netlink.Dump, Link{}.ifinfomsg(), filter)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	if err := c.Send(req); err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	var links []Notice
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list links: %w", err)
		}
		links = append(links, parseLinks(c.buf[:n])...)
		if end, err := dumpEnd(c.buf[:n]); end {
			return links, err
		}
	}
}

// dumpEnd reports whether one datagram ends a dump, and with what error.
func dumpEnd(b []byte) (bool, error) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return true, fmt.Errorf("list links: malformed message of %d bytes", size)
		}
		switch binary.NativeEndian.Uint16(b[4:]) {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			return true, parseAck(b[:size])
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return false, nil
}

// AwaitGone waits up to a second for notifications, and reports whether one of
// them says that the device is gone.
func (c *Conn) AwaitGone(name string) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, 1000); err != nil && err != unix.EINTR {
		return false, fmt.Errorf("wait for notifications: %w", err)
	}
	notices, err := c.Notices()
	for _, n := range notices {
		if n.Gone && n.Name == name {
			return true, nil
		}
	}
	return false, err
}
