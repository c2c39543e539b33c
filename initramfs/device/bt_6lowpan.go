package device

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The files of net/bluetooth/6lowpan.c in debugfs, and the name that it gives its first
// device.
const (
	bt6lowpanEnable  = "/sys/kernel/debug/bluetooth/6lowpan_enable"
	bt6lowpanControl = "/sys/kernel/debug/bluetooth/6lowpan_control"
	bt6lowpanName    = "bt0"
)

// The remote device as 6lowpan_control knows it. It takes an address type of L2CAP,
// BDADDR_LE_PUBLIC, for a connection, and one of HCI, ADDR_LE_DEV_PUBLIC, for its end.
var (
	bt6lowpanConnect    = fmt.Sprintf("connect %s 1", bdaddrText(hciRemote))
	bt6lowpanDisconnect = fmt.Sprintf("disconnect %s 0", bdaddrText(hciRemote))
)

func bdaddrText(a [6]byte) string { return strings.ReplaceAll(fmt.Sprintf("% x", a[:]), " ", ":") }

// attributes is where the remote device has its attributes.
var attributes = unix.SockaddrL2{CID: l2capATT, Addr: hciRemote, AddrType: unix.BDADDR_LE_PUBLIC}

// leLink is a connection to the attributes of the remote device. It holds the link,
// over which other channels come and go.
var leLink = l2capSocket("Bluetooth LE link", bluetoothLE, attributes)

// bt6lowpanEnabled has 6LoWPAN enabled. In 5.10 a worker does that.
var bt6lowpanEnabled = Need{Name: "Bluetooth 6LoWPAN", Make: func(e *Env) (int, error) {
	e.OnClose(func() error { return enable6lowpan("0") })
	return 0, enable6lowpan("1")
}}

func enable6lowpan(value string) error {
	if err := write(bt6lowpanEnable, value); err != nil {
		return err
	}
	for {
		text, err := os.ReadFile(bt6lowpanEnable)
		if err != nil || strings.TrimSpace(string(text)) == value {
			return err
		}
		time.Sleep(patience)
	}
}

// bt6lowpanOp asks for a channel for IPv6 to the remote device. The device is
// registered by hdev's worker that takes the answer (chan_ready_cb()), and nobody is
// told of a refusal.
type bt6lowpanOp struct {
	Op
	link   int
	device string
}

// Prepare sees to the link.
func (o bt6lowpanOp) Prepare() error { return reconnect(o.link, attributes) }

// Result waits until the worker is through with the answer, and takes the lack of a
// device for a refusal. What the remote device echoes comes behind its answer, and the
// worker does one after the other (hci_rx_work() in net/bluetooth/hci_core.c).
func (o bt6lowpanOp) Result(err error) error {
	if err = o.Op.Result(err); err != nil {
		return err
	}
	if err := echo(o.link); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	_, err = os.Lstat(filepath.Join("/sys/class/net", o.device))
	if errors.Is(err, os.ErrNotExist) {
		return unix.ENODEV
	}
	return err
}

// echo sends something to the attributes, and waits for its echo.
func echo(link int) error {
	packet := []byte{0xff}
	if _, err := unix.Write(link, packet); err != nil {
		return err
	}
	if _, err := poll(link, unix.POLLIN, bluetoothPatience); err != nil {
		return err
	}
	n, err := unix.Read(link, packet) // EAGAIN after the time is over
	if err == nil && n == 0 {
		return unix.ECONNRESET // the link is lost: that is no answer
	}
	return err
}

// bt6lowpanOver ends the channel, and waits for a worker to delete the device
// (chan_close_cb()).
type bt6lowpanOver struct {
	Op
	link, controller int
	device           string
}

// Result loses the link if the request to end the channel was lost for want of memory
// (l2cap_send_disconn_req() in net/bluetooth/l2cap_core.c). The kernel would give
// the channel up after L2CAP_CONN_TIMEOUT, 40 s.
func (o bt6lowpanOver) Result(err error) error {
	if err = o.Op.Result(err); err != nil {
		return err
	}
	if err := echo(o.link); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	peers, err := os.ReadFile(bt6lowpanControl)
	if err == nil && len(peers) > 0 {
		err = Run(lose(o.controller))
	}
	if err != nil {
		return err
	}
	return awaitDevice(o.device)
}

// bt6lowpanFile is 6lowpan_control.
var bt6lowpanFile = Need{Name: "6lowpan_control", Make: func(e *Env) (int, error) {
	fd, err := unix.Open(bt6lowpanControl, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", bt6lowpanControl, err)
	}
	e.OnClose(func() error { return unix.Close(fd) })
	return fd, nil
}}

// bt6lowpan is the way to create the device of Bluetooth 6LoWPAN, one for each
// controller.
var bt6lowpan = Way{
	Name:     "debugfs",
	Given:    bt6lowpanName,
	Pattern:  true,
	Needs:    []Need{leLink, bt6lowpanEnabled, bt6lowpanFile},
	Answer:   unix.ENODEV,
	Worker:   true,
	Deferred: true,
	New: func(e *Env, d Device) (Op, error) {
		connect := streamOp{e.Made(bt6lowpanFile.Name), []byte(bt6lowpanConnect)}
		return bt6lowpanOp{connect, e.Made(leLink.Name), d.Name}, nil
	},
	Delete: func(e *Env, d Device) (Op, error) {
		disconnect := streamOp{e.Made(bt6lowpanFile.Name), []byte(bt6lowpanDisconnect)}
		return bt6lowpanOver{disconnect, e.Made(leLink.Name), e.Made(bluetoothLE.Name), d.Name}, nil
	},
}
