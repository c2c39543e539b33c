package device

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// Numbers of include/uapi/linux/phonet.h, and SOL_PNPIPE of include/linux/socket.h.
const (
	pnProtoPipe     = 2 // PN_PROTO_PIPE
	solPNPipe       = 275
	pnpipeEncap     = 1    // PNPIPE_ENCAP
	pnpipeInitState = 4    // PNPIPE_INITSTATE
	pnpipeEncapNone = 0    // PNPIPE_ENCAP_NONE
	pnpipeEncapIP   = 1    // PNPIPE_ENCAP_IP
	pnDevPC         = 0x10 // PN_DEV_PC, the address of the guest
)

// pnPipeEnable is PN_PIPE_ENABLE of include/net/phonet/pep.h.
const pnPipeEnable = 1

// modemPort is where the modem's end of the pipe listens, below the ports that the
// kernel gives (DYNAMIC_PORT_MIN of net/phonet/socket.c).
const modemPort = 0x20

// sockaddrPN is struct sockaddr_pn of include/uapi/linux/phonet.h.
type sockaddrPN struct {
	Family                uint16
	Object, Dev, Resource uint8
	_                     [11]byte
}

// modemAddress is the address of the listening end.
var modemAddress = sockaddrPN{Family: unix.AF_PHONET, Dev: pnDevPC, Object: modemPort}

// pnAddress gives a device the guest's Phonet address. Any type of device can have
// one (addr_doit() in net/phonet/pn_netlink.c), and goes without it when it is deleted.
func pnAddress(e *Env, index int) error {
	header, err := binary.Append(nil, binary.NativeEndian, unix.IfAddrmsg{Family: unix.AF_PHONET, Index: uint32(index)})
	if err != nil {
		return err
	}
	request, err := rtnl.NewRequest(unix.RTM_NEWADDR, netlink.Create, header, []rtnl.Attr{rtnl.Uint8(unix.IFA_LOCAL, pnDevPC)})
	if err != nil {
		return err
	}
	return e.Netlink.Do(request)
}

// pipeSocket opens an end of a Phonet pipe. It waits for the other one for some
// seconds, for which connect(2) and accept(2) have the same option here
// (pn_socket_connect() in net/phonet/socket.c, pep_sock_accept() in net/phonet/pep.c).
func pipeSocket(e *Env) (int, error) {
	fd, err := openSocket(e, unix.AF_PHONET, unix.SOCK_SEQPACKET, pnProtoPipe)
	if err != nil {
		return 0, err
	}
	return fd, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10})
}

// pipe is the end of a Phonet pipe that gets a device. The other end plays the
// modem: both are in the guest, and what they send goes through the loopback of
// Phonet (pn_skb_send() in net/phonet/af_phonet.c).
var pipe = Need{
	Name: "Phonet pipe",
	Make: func(e *Env) (int, error) {
		if err := e.Provide(ethernet); err != nil {
			return 0, err
		}
		if err := pnAddress(e, e.Made(ethernet.Name)); err != nil {
			return 0, fmt.Errorf("give %s a Phonet address: %w", LowerName, err)
		}
		listener, err := listenPipe(e)
		if err != nil {
			return 0, fmt.Errorf("listen for a pipe: %w", err)
		}
		caller, err := pipeSocket(e)
		if err != nil {
			return 0, err
		}
		if err := unix.SetsockoptInt(caller, solPNPipe, pnpipeInitState, pnPipeEnable); err != nil {
			return 0, fmt.Errorf("enable the pipe: %w", err)
		}
		connected := make(chan error, 1)
		go func() { connected <- pipeCall(unix.SYS_CONNECT, caller) }()
		err = acceptPipe(e, listener)
		return caller, errors.Join(err, <-connected)
	},
}

// listenPipe opens the socket at which the modem awaits pipes.
func listenPipe(e *Env) (int, error) {
	fd, err := pipeSocket(e)
	if err != nil {
		return 0, err
	}
	if err := pipeCall(unix.SYS_BIND, fd); err != nil {
		return 0, err
	}
	return fd, unix.Listen(fd, 1)
}

// pipeCall is bind(2) or connect(2) with the address of the modem, which
// golang.org/x/sys/unix cannot encode.
func pipeCall(call uintptr, fd int) error {
	address := modemAddress
	_, _, errno := unix.Syscall(call, uintptr(fd), uintptr(unsafe.Pointer(&address)), unsafe.Sizeof(address))
	if errno != 0 {
		return fmt.Errorf("pipe to Phonet port %#x: %w", modemPort, errno)
	}
	return nil
}

// acceptPipe accepts a pipe, without the address of who asks for it.
func acceptPipe(e *Env, listener int) error {
	fd, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return fmt.Errorf("accept a Phonet pipe: %w", errno)
	}
	e.OnClose(func() error { return unix.Close(int(fd)) })
	return nil
}

// gprs attaches a device to a pipe, and detaches it (gprs_attach() and gprs_detach()
// in net/phonet/pep-gprs.c).
var gprs = Way{
	Name:   "setsockopt",
	Given:  "gprs0",
	New:    encapsulate(pnpipeEncapIP),
	Delete: encapsulate(pnpipeEncapNone),
}.with(pipe).numbered()

// encapsulate sets what goes through the pipe.
func encapsulate(protocol uint32) func(*Env, Device) (Op, error) {
	return func(e *Env, _ Device) (Op, error) {
		return sockoptOp{e.Made(pipe.Name), solPNPipe, pnpipeEncap, binary.NativeEndian.AppendUint32(nil, protocol)}, nil
	}
}
