package holder

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// sockets have a route through the device cached (sk_dst_set() in
// include/net/sock.h). A cached route outlives the device: its reference is moved
// to blackhole_netdev.
var sockets = []Holder{
	{Name: "socket-udp4", Up: true, LetsGo: "dst_dev_put() in net/core/dst.c", Take: connected(unix.AF_INET, unix.SOCK_DGRAM, own4, other4, unix.ENETUNREACH)},
	{Name: "socket-udp6", Up: true, LetsGo: "dst_dev_put() in net/core/dst.c", Config: "CONFIG_IPV6", Lacking: noSocket,
		Take: connected(unix.AF_INET6, unix.SOCK_DGRAM, own6, other6, unix.ENETUNREACH)},
	{Name: "socket-tcp4", Up: true, LetsGo: "dst_dev_put() in net/core/dst.c", Take: connected(unix.AF_INET, unix.SOCK_STREAM, own4, other4, unix.EAGAIN)},
}

// connected is a socket that is bound to the device and connected through it, or
// waits for that.
func connected(family, typ int, own, other string, want unix.Errno) func(Target) (*Held, error) {
	return func(t Target) (*Held, error) {
		h := &Held{}
		fd, err := unix.Socket(family, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		h.fd(fd)
		handle, err := h.rtnetlink()
		if err != nil {
			return h.abandon(err)
		}
		if _, _, err := addAddress(handle, t, own, unix.IFA_F_NODAD); err != nil {
			return h.abandon(err)
		}
		if err := unix.BindToDevice(fd, t.Name); err != nil {
			return h.abandon(err)
		}
		if err := unix.Connect(fd, discard(family, other)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
			return h.abandon(err)
		}
		send := func() error {
			_, err := unix.Write(fd, make([]byte, 8))
			return err
		}
		if err := send(); err != nil && !errors.Is(err, unix.EAGAIN) {
			return h.abandon(err)
		}
		h.After = []Use{{What: "write to the socket", Want: want, Do: send}}
		return h, nil
	}
}

// discard is the address of the service that throws away what it gets.
func discard(family int, host string) unix.Sockaddr {
	const port = 9
	ip := net.ParseIP(host)
	if family == unix.AF_INET {
		return &unix.SockaddrInet4{Port: port, Addr: [4]byte(ip.To4())}
	}
	return &unix.SockaddrInet6{Port: port, Addr: [16]byte(ip.To16())}
}
