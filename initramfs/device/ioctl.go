package device

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// ioctlOp is one ioctl(2). Its argument is what arg points to; requests whose
// argument is the number 0 have none.
type ioctlOp struct {
	fd      int
	request uint
	arg     unsafe.Pointer
}

func (o ioctlOp) Do() error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(o.fd), uintptr(o.request), uintptr(o.arg))
	runtime.KeepAlive(o.arg)
	if errno != 0 {
		return errno
	}
	return nil
}

func (o ioctlOp) Result(err error) error { return err }

// openSocket opens a socket until the case is over.
func openSocket(e *Env, domain, typ, protocol int) (int, error) {
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return 0, fmt.Errorf("open socket of family %d: %w", domain, err)
	}
	e.OnClose(func() error { return unix.Close(fd) })
	return fd, nil
}

// socketIoctl is the operation that asks a socket for what is no matter of its
// protocol (sock_ioctl() in net/socket.c).
func socketIoctl(e *Env, request uint, arg unsafe.Pointer) (ioctlOp, error) {
	fd, err := openSocket(e, unix.AF_INET, unix.SOCK_DGRAM, 0)
	return ioctlOp{fd, request, arg}, err
}

// ifname is a name as struct ifreq holds it.
func ifname(name string) (n [unix.IFNAMSIZ]byte) {
	copy(n[:len(n)-1], name)
	return n
}

func newBridge(e *Env, d Device) (Op, error) {
	name := ifname(d.Name)
	return socketIoctl(e, unix.SIOCBRADDBR, unsafe.Pointer(&name))
}

// bridgeDeletion brings the bridge down before it asks for its deletion, which is
// refused to one that is up (br_del_bridge() in net/bridge/br_if.c).
type bridgeDeletion struct {
	ioctlOp
	down Op
}

func (o bridgeDeletion) Prepare() error {
	if err := gone(Run(o.down)); err != nil {
		return fmt.Errorf("bring the bridge down: %w", err)
	}
	return nil
}

func deleteBridge(e *Env, d Device) (Op, error) {
	down, err := rtnl.Link{Name: d.Name, Down: true}.Set()
	if err != nil {
		return nil, err
	}
	name := ifname(d.Name)
	op, err := socketIoctl(e, unix.SIOCBRDELBR, unsafe.Pointer(&name))
	return bridgeDeletion{op, Netlink(e.Netlink, down)}, err
}

// vlanID is the VLAN that is made on the lower device. Its name follows from both
// (register_vlan_device() in net/8021q/vlan.c, VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD).
const (
	vlanID   = 5
	vlanName = lowerName + ".5"
)

// Commands of include/uapi/linux/if_vlan.h.
const (
	addVLAN = 0
	delVLAN = 1
)

// vlanArgs is struct vlan_ioctl_args of include/uapi/linux/if_vlan.h.
type vlanArgs struct {
	cmd    int32
	device [24]byte
	vid    int32
	_      [20]byte
	qos    int16
}

func vlanOp(e *Env, cmd int32, device string) (Op, error) {
	args := &vlanArgs{cmd: cmd, vid: vlanID}
	copy(args.device[:], device)
	return socketIoctl(e, unix.SIOCSIFVLAN, unsafe.Pointer(args))
}
