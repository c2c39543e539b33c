package device

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of include/uapi/linux/atmdev.h, atmclip.h and atmlec.h.
const (
	atmNewBackendIf = 0x400261f3
	siocMkClip      = 0x61e0
	atmLecCtrl      = 0x61d0
)

// newifBR2684 is struct atm_newif_br2684 of include/uapi/linux/atmbr2684.h.
type newifBR2684 struct {
	backend uint16
	media   int32
	name    [unix.IFNAMSIZ]byte
	mtu     int32
}

// backendBR2684 is ATM_BACKEND_BR2684 of include/uapi/linux/atmdev.h.
const backendBR2684 = 2

// openPVC opens a socket for a permanent virtual circuit, which stays without one.
func openPVC() (int, error) {
	fd, err := unix.Socket(unix.AF_ATMPVC, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open ATM socket: %w", err)
	}
	return fd, nil
}

// pvc is an ATM socket. A driver's own requests are made on any of them
// (do_vcc_ioctl() in net/atm/ioctl.c).
var pvc = Need{Name: "ATM socket", Make: func(e *Env) (int, error) {
	fd, err := openPVC()
	if err != nil {
		return 0, err
	}
	e.OnClose(func() error { return unix.Close(fd) })
	return fd, nil
}}

// renewal is an operation before which the socket fd is closed, and another one
// takes its place.
type renewal struct {
	Op
	fd int
}

func (o renewal) Prepare() error {
	fresh, err := openPVC()
	if err != nil {
		return err
	}
	defer unix.Close(fresh)
	if err := unix.Dup3(fresh, o.fd, unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("renew ATM socket: %w", err)
	}
	return nil
}

// atm is the way to create a device by a request to an ATM driver, which gives it a
// name unless the creator can choose it. Nothing deletes these devices but
// unloading the driver, for which no socket may be in its hands: lecd_attach() in
// net/atm/lec.c takes the socket.
func atm(name, given string, request uint, arg func(d Device) unsafe.Pointer) Way {
	chosen := Field(0)
	if given == "" {
		chosen = Name
	}
	return Way{
		Name:   "ioctl",
		Chosen: chosen,
		Given:  given,
		New: func(e *Env, d Device) (Op, error) {
			op := ioctlOp{e.Made(pvc.Name), request, arg(d)}
			return loadedOp{op, func() error { return e.Load(name) }}, nil
		},
		Delete: func(e *Env, _ Device) (Op, error) {
			return renewal{unload(name), e.Made(pvc.Name)}, nil
		},
	}.with(removable(name), pvc)
}

// first is the argument of a request that asks for the device with number 0.
func first(Device) unsafe.Pointer { return nil }

// bridgedBR2684 asks for a device that carries Ethernet frames.
func bridgedBR2684(d Device) unsafe.Pointer {
	return unsafe.Pointer(&newifBR2684{backend: backendBR2684, name: ifname(d.Name), mtu: 1500})
}
