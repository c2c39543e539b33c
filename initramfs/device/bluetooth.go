package device

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// bluetoothPatience is how long the controller may take to answer what the kernel asks
// before a connection stands.
const bluetoothPatience = 10 * time.Second

// connectL2CAP connects a socket to the remote device. It does not block, so that the
// wait for a controller that does not answer has an end.
func connectL2CAP(to unix.SockaddrL2) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_BLUETOOTH, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.BTPROTO_L2CAP)
	if err != nil {
		return 0, fmt.Errorf("open L2CAP socket: %w", err)
	}
	// Only a socket that is bound to a fixed channel is one (l2cap_add_scid() in
	// net/bluetooth/l2cap_core.c).
	err = unix.Bind(fd, &unix.SockaddrL2{CID: to.CID, AddrType: to.AddrType})
	if err == nil {
		err = unix.Connect(fd, &to)
	}
	if errors.Is(err, unix.EINPROGRESS) {
		err = connected(fd)
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("connect to the remote device: %w", err), unix.Close(fd))
	}
	return fd, nil
}

// connected waits until a socket is connected, or could not be.
func connected(fd int) error {
	events, err := poll(fd, unix.POLLOUT, bluetoothPatience)
	if err == nil && events == 0 {
		return unix.ETIMEDOUT
	}
	return errors.Join(err, pending(fd))
}

// poll waits for events on a descriptor, and returns which there are.
func poll(fd int, events int16, limit time.Duration) (int16, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for end := time.Now().Add(limit); ; {
		_, err := unix.Poll(fds, int(max(0, time.Until(end)).Milliseconds()))
		if err != unix.EINTR {
			return fds[0].Revents, err
		}
	}
}

// pending takes the error off a socket that waits there for the next system call.
func pending(fd int) error {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		return unix.Errno(errno)
	}
	return err
}

// reconnect connects the socket anew if its connection was lost. One that still stands
// stays, but for the error that somebody left there.
func reconnect(link int, to unix.SockaddrL2) error {
	events, err := poll(link, 0, 0)
	if err != nil {
		return err
	}
	if events&unix.POLLHUP == 0 {
		_ = pending(link)
		return nil
	}
	fresh, err := connectL2CAP(to)
	if err != nil {
		return err
	}
	defer unix.Close(fresh)
	return unix.Dup3(fresh, link, unix.O_CLOEXEC)
}

// l2capSocket is a socket that is connected to the remote device behind a controller.
func l2capSocket(name string, controller Need, to unix.SockaddrL2) Need {
	return Need{Name: name, Make: func(e *Env) (int, error) {
		if err := e.Provide(controller); err != nil {
			return 0, err
		}
		fd, err := connectL2CAP(to)
		if err != nil {
			return 0, err
		}
		e.OnClose(func() error { return unix.Close(fd) })
		return fd, nil
	}}
}

// lose has a controller lose its link.
func lose(controller int) Op { return streamOp{controller, disconnection(hciTimeout)} }
