package device

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of net/bluetooth/bnep/bnep.h.
const (
	bnepConnAdd  = 0x400442c8 // BNEPCONNADD
	bnepConnDel  = 0x400442c9 // BNEPCONNDEL
	bnepConnInfo = 0x800442d3 // BNEPGETCONNINFO
)

// bnepPANU is BNEP_SVC_PANU, our side of a session.
const bnepPANU = 0x1115

// bnepService is where the remote device has BNEP (BNEP_PSM).
var bnepService = unix.SockaddrL2{PSM: 0x0f, Addr: hciRemote}

// bnepAddReq is struct bnep_connadd_req of net/bluetooth/bnep/bnep.h.
type bnepAddReq struct {
	sock   int32
	flags  uint32
	role   uint16
	device [unix.IFNAMSIZ]byte
}

// bnepDelReq is struct bnep_conndel_req.
type bnepDelReq struct {
	flags uint32
	dst   [6]byte
}

// bnepInfo is struct bnep_conninfo.
type bnepInfo struct {
	flags       uint32
	role, state uint16
	dst         [6]byte
	device      [unix.IFNAMSIZ]byte
}

// bnepSocket is a socket that requests to BNEP are made on.
var bnepSocket = Need{Name: "BNEP socket", Make: func(e *Env) (int, error) {
	return openSocket(e, unix.AF_BLUETOOTH, unix.SOCK_RAW, unix.BTPROTO_BNEP)
}}

// bnepLink is a connection to the remote device's BNEP.
var bnepLink = l2capSocket("L2CAP connection", bluetooth, bnepService)

// bnepAddOp makes a session of the connection, and its device.
type bnepAddOp struct {
	ioctlOp
	link int
}

// Prepare sees to the connection. One serves for many sessions: bnep_session() in
// net/bluetooth/bnep/core.c leaves an error there when it ends.
func (o bnepAddOp) Prepare() error { return reconnect(o.link, bnepService) }

func newBNEP(e *Env, d Device) (Op, error) {
	link := e.Made(bnepLink.Name)
	req := &bnepAddReq{sock: int32(link), role: bnepPANU, device: ifname(d.Name)}
	return bnepAddOp{ioctlOp{e.Made(bnepSocket.Name), bnepConnAdd, unsafe.Pointer(req)}, link}, nil
}

// bnepOver is an operation that has the thread of a session end it.
type bnepOver struct {
	Op
	socket int
}

// Result waits for the end of the session, before which there cannot be another one
// with the remote device. The thread holds bnep_session_sem from before the
// device goes until the session is off the list.
func (o bnepOver) Result(err error) error {
	if err = o.Op.Result(err); err != nil {
		return err
	}
	info := bnepInfo{dst: hciRemote}
	return awaitEnd(ioctlOp{o.socket, bnepConnInfo, unsafe.Pointer(&info)}, unix.ENOENT)
}

// deleteBNEP asks for the end of the session.
func deleteBNEP(e *Env, _ Device) (Op, error) {
	socket := e.Made(bnepSocket.Name)
	return bnepOver{ioctlOp{socket, bnepConnDel, unsafe.Pointer(&bnepDelReq{dst: hciRemote})}, socket}, nil
}

// loseBNEP has the controller lose the link.
func loseBNEP(e *Env, _ Device) (Op, error) {
	return bnepOver{lose(e.Made(bluetooth.Name)), e.Made(bnepSocket.Name)}, nil
}

// bnep is a way to create the device of a BNEP session (bnep_add_connection() in
// net/bluetooth/bnep/core.c). The thread of the session deletes it.
func bnep(name string, remove func(*Env, Device) (Op, error)) Way {
	return Way{
		Name:   name,
		Chosen: Name,
		Needs:  []Need{bnepLink, bnepSocket},
		Worker: true,
		New:    newBNEP,
		Delete: remove,
	}
}
