package device

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of include/uapi/linux/gsmmux.h.
const (
	gsmSetConf    = 0x404c4701 // GSMIOC_SETCONF
	gsmEnableNet  = 0x40344702 // GSMIOC_ENABLE_NET
	gsmDisableNet = 0x4703     // GSMIOC_DISABLE_NET
	gsmGetFirst   = 0x80044704 // GSMIOC_GETFIRST
)

// gsmConfig is struct gsm_config.
type gsmConfig struct {
	adaption, encapsulation, initiator uint32
	t1, t2, t3                         uint32
	n2, mru, mtu, k, i                 uint32
	_                                  [8]uint32
}

// gsmNetConfig is struct gsm_netconfig.
type gsmNetConfig struct {
	adaption uint32
	protocol [2]byte // in network order
	_        [2]byte
	name     [unix.IFNAMSIZ]byte
	_        [28]byte
}

// gsmResponder is the configuration of the side of the multiplexer that waits for
// the other one to open channels: basic framing, and the defaults of
// gsm_alloc_mux() in drivers/tty/n_gsm.c, but for how long it waits for an answer when it
// closes, in hundredths of a second, and how often it asks: nobody answers.
var gsmResponder = gsmConfig{adaption: 1, t1: 1, t2: 2, n2: 1, mru: 64, mtu: 64, i: 1}

// gsmMux is a terminal with the line discipline of 3GPP TS 27.010, ready for its
// channels to be opened. Its number is that of the terminal of channel 1.
var gsmMux = Need{Name: "gsm mux", Make: func(e *Env) (int, error) {
	if err := e.Provide(terminal); err != nil {
		return -1, err
	}
	tty := e.Made(terminal.Name)
	if err := unix.IoctlSetPointerInt(tty, unix.TIOCSETD, nGSM0710); err != nil {
		return -1, fmt.Errorf("set the line discipline: %w", err)
	}
	e.OnClose(func() error { return unix.IoctlSetPointerInt(tty, unix.TIOCSETD, nTTY) })
	config := gsmResponder
	if err := ioctl(tty, gsmSetConf, unsafe.Pointer(&config)); err != nil {
		return -1, fmt.Errorf("configure the multiplexer: %w", err)
	}
	for _, frame := range gsmOpening {
		if _, err := unix.Write(e.Made(ptmx.Name), frame); err != nil {
			return -1, fmt.Errorf("open the control channel: %w", err)
		}
	}
	first, err := unix.IoctlGetUint32(tty, gsmGetFirst)
	if err != nil {
		return -1, fmt.Errorf("number of the first channel: %w", err)
	}
	return int(first), nil
}}

// gsmPatience is how long the multiplexer may take to read what was written to the
// master.
const gsmPatience = 10 * time.Second

// gsmChannel is the terminal of channel 1. It can be opened as soon as the control
// channel is open; until then gsmtty_install() refuses with EL2NSYNC.
var gsmChannel = Need{Name: "gsm channel", Make: func(e *Env) (int, error) {
	if err := e.Provide(gsmMux); err != nil {
		return -1, err
	}
	path := fmt.Sprintf("/dev/gsmtty%d", e.Made(gsmMux.Name))
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		fd, err := openTTY(e, path)
		if !errors.Is(err, unix.EL2NSYNC) || time.Since(begin) > gsmPatience {
			return fd, err
		}
	}
}}

// gsmOpening are frames of the other side that open the control channel. Which of
// both the driver takes for a command depends on the line: 5.10 wants the C/R bit
// clear, later ones set (gsm_queue()). The other one it ignores.
var gsmOpening = [][]byte{gsmFrame(0x01, gsmSABM), gsmFrame(0x03, gsmSABM)}

// gsmSABM is the control byte of a frame that opens a channel: SABM with the bit P.
const gsmSABM = 0x3f

// gsmFlag is what a frame begins and ends with, in basic framing.
const gsmFlag = 0xf9

// gsmFrame is a frame without data (3GPP TS 27.010, 5.2.1).
func gsmFrame(address, control byte) []byte {
	const empty = 0x01 // length 0, and the bit EA
	header := []byte{address, control, empty}
	return append(append([]byte{gsmFlag}, header...), gsmFCS(header), gsmFlag)
}

// gsmFCS is the frame check sequence: the complement of a CRC with the polynomial
// x^8+x^2+x+1, bits reversed (3GPP TS 27.010, 5.2.1.6).
func gsmFCS(b []byte) byte {
	const polynomial = 0xe0
	crc := byte(0xff)
	for _, c := range b {
		crc ^= c
		for range 8 {
			carry := crc & 1
			crc = crc>>1 ^ carry*polynomial
		}
	}
	return ^crc
}

// gsmNetOp turns a channel into a net device (gsm_create_network()).
type gsmNetOp struct {
	channel int
	config  gsmNetConfig
}

func (o gsmNetOp) Do() error {
	config := o.config // into which the kernel writes
	return ioctl(o.channel, gsmEnableNet, unsafe.Pointer(&config))
}

func (o gsmNetOp) Result(err error) error { return err }

// gsmTTYOp turns it back (gsm_destroy_network()).
type gsmTTYOp struct{ channel int }

func (o gsmTTYOp) Do() error { return ioctl(o.channel, gsmDisableNet, nil) }

func (o gsmTTYOp) Result(err error) error { return err }

// ioctl is for requests that no function of package unix is made for. A result of
// 0 or more is a success.
func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// gsmNetwork is the way to create the device of a channel, while the terminal of the
// channel is open.
var gsmNetwork = Way{
	Name:   "tty",
	Chosen: Name,
	Needs:  []Need{gsmChannel},
	New: func(e *Env, d Device) (Op, error) {
		o := gsmNetOp{e.Made(gsmChannel.Name), gsmNetConfig{adaption: 3, protocol: [2]byte{unix.ETH_P_IP >> 8}}}
		copy(o.config.name[:unix.IFNAMSIZ-1], d.Name)
		return o, nil
	},
	Delete: func(e *Env, _ Device) (Op, error) {
		return gsmTTYOp{e.Made(gsmChannel.Name)}, nil
	},
}
