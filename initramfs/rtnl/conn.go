package rtnl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ErrNoAck is returned when the kernel took a request and queued no
// acknowledgement for it.
var ErrNoAck = errors.New("request was not acknowledged")

// receiveBuffer is room for a burst of notifications, so that a listener loses
// none between two reads: a link message is about 2 KiB.
const receiveBuffer = 8 << 20

// A Conn is a netlink socket of the namespace it was opened in.
type Conn struct {
	fd  int
	seq uint32
	buf []byte
}

// Dial opens a socket for requests.
func Dial() (*Conn, error) { return dial(unix.NETLINK_ROUTE, 0) }

// DialGeneric opens a socket for requests to the families of generic netlink, which
// are as synchronous as those to rtnetlink.
func DialGeneric() (*Conn, error) { return dial(unix.NETLINK_GENERIC, 0) }

// Listen opens a socket that receives the notifications of RTNLGRP_LINK.
func Listen() (*Conn, error) { return dial(unix.NETLINK_ROUTE, 1<<(unix.RTNLGRP_LINK-1)) }

func dial(protocol int, groups uint32) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	c := &Conn{fd: fd, buf: make([]byte, 64<<10)}
	if err := c.configure(groups); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set up netlink socket: %w", err)
	}
	return c, nil
}

func (c *Conn) configure(groups uint32) error {
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		return err
	}
	for _, option := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK} {
		if err := unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, option, 1); err != nil {
			return err
		}
	}
	return unix.Bind(c.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups})
}

// Close closes the socket.
func (c *Conn) Close() error { return unix.Close(c.fd) }

// Send hands req to the kernel with one sendto(2). The kernel has handled the
// request, including the wait for references in netdev_run_todo(), when Send
// returns: rtnetlink is synchronous. An error means that the kernel refused to
// take the message; what became of the request itself is told by [Conn.Ack].
// The wait may last for ever, so the Go runtime is told that the thread blocks:
// on one processor nobody else would run to notice.
func (c *Conn) Send(req Request) error {
	c.seq++
	binary.NativeEndian.PutUint32(req[8:], c.seq)
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(c.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(req))), uintptr(len(req)), 0, 0, 0)
	runtime.KeepAlive(req)
	if errno != 0 {
		return errno
	}
	return nil
}

// Ack returns what became of the request sent last: nil, an *[Error], or
// [ErrNoAck].
func (c *Conn) Ack() error {
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN || err == unix.ENOBUFS:
			return ErrNoAck
		case err != nil:
			return fmt.Errorf("receive acknowledgement: %w", err)
		}
		if done, err := c.ackOf(c.buf[:n]); done {
			return err
		}
	}
}

// ackOf looks for the acknowledgement of the last request in one datagram.
func (c *Conn) ackOf(b []byte) (done bool, err error) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return true, fmt.Errorf("malformed acknowledgement of %d bytes", size)
		}
		m := b[:size]
		b = b[min(len(b), (size+3)&^3):]
		if binary.NativeEndian.Uint16(m[4:]) == unix.NLMSG_ERROR && binary.NativeEndian.Uint32(m[8:]) == c.seq {
			return true, parseAck(m)
		}
	}
	return false, nil
}

// Do sends req and returns what became of it.
func (c *Conn) Do(req Request) error {
	if err := c.Send(req); err != nil {
		return err
	}
	return c.Ack()
}

// An Error is a refusal by the kernel.
type Error struct {
	Errno   unix.Errno
	Message string // the extended acknowledgement's text, often empty
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Errno.Error()
	}
	return e.Errno.Error() + ": " + e.Message
}

// Unwrap returns the errno, for [errors.Is].
func (e *Error) Unwrap() error { return e.Errno }

// nlmsgerrAttrMsg is NLMSGERR_ATTR_MSG of include/uapi/linux/netlink.h.
const nlmsgerrAttrMsg = 1

// parseAck decodes an NLMSG_ERROR message. With NETLINK_CAP_ACK the original
// request is cut down to its header, and attributes may follow. A positive value is
// no errno but what a request answers, such as the number of a new radio
// (hwsim_new_radio_nl() in drivers/net/wireless/virtual/mac80211_hwsim_main.c).
func parseAck(m []byte) error {
	const errorSize = 4 + unix.NLMSG_HDRLEN
	if len(m) < unix.NLMSG_HDRLEN+4 {
		return fmt.Errorf("malformed acknowledgement of %d bytes", len(m))
	}
	errno := -int32(binary.NativeEndian.Uint32(m[unix.NLMSG_HDRLEN:]))
	if errno <= 0 {
		return nil
	}
	e := &Error{Errno: unix.Errno(errno)}
	flags := netlink.HeaderFlags(binary.NativeEndian.Uint16(m[6:]))
	if flags&netlink.AcknowledgeTLVs == 0 || len(m) < unix.NLMSG_HDRLEN+errorSize {
		return e
	}
	ad, err := netlink.NewAttributeDecoder(m[unix.NLMSG_HDRLEN+errorSize:])
	if err != nil {
		return e
	}
	for ad.Next() {
		if ad.Type() == nlmsgerrAttrMsg {
			e.Message = ad.String()
		}
	}
	return e
}
