package device

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Types of packets, HCI_*_PKT of include/net/bluetooth/hci.h.
const (
	hciCommand = 0x01
	hciACLData = 0x02
	hciEvent   = 0x04
	hciVendor  = 0xff
)

// Commands, HCI_OP_* of include/net/bluetooth/hci.h.
const (
	hciCreateConn        = 0x0405
	hciDisconnect        = 0x0406
	hciRemoteNameReq     = 0x0419
	hciReadRemoteFeats   = 0x041b
	hciReadLocalName     = 0x0c14
	hciReadClassOfDev    = 0x0c23
	hciReadVoiceSetting  = 0x0c25
	hciReadNumIAC        = 0x0c38
	hciReadCurrentIACLAP = 0x0c39
	hciReadLocalVersion  = 0x1001
	hciReadLocalFeatures = 0x1003
	hciReadBufferSize    = 0x1005
	hciReadBDAddr        = 0x1009
	hciLEReadBufferSize  = 0x2002
	hciLEReadFeatures    = 0x2003
	hciLESetScanEnable   = 0x200c
	hciLECreateConn      = 0x200d
	hciLEReadRemoteFeats = 0x2016
	hciLEReadStates      = 0x201c
)

// Events, HCI_EV_* of include/net/bluetooth/hci.h.
const (
	hciConnComplete   = 0x03
	hciDisconnEvent   = 0x05
	hciRemoteName     = 0x07
	hciRemoteFeatures = 0x0b
	hciCmdComplete    = 0x0e
	hciCmdStatus      = 0x0f
	hciNumCompPkts    = 0x13
	hciLEMeta         = 0x3e

	hciLEConnComplete   = 0x01
	hciLEAdvertising    = 0x02
	hciLERemoteFeatures = 0x04
)

const (
	hciSuccess    = 0x00
	hciTimeout    = 0x08 // HCI_ERROR_CONNECTION_TIMEOUT
	hciHostTerm   = 0x16 // HCI_ERROR_LOCAL_HOST_TERM
	hciVersion    = 0x01 // BLUETOOTH_VER_1_1, of which the kernel asks the least
	hciACLLink    = 0x01 // ACL_LINK
	hciACLStart   = 0x02 // ACL_START
	hciACLMTU     = 2048 // more than any frame, so that each comes in one packet
	hciACLPackets = 8
	hciNameLength = 248 // HCI_MAX_NAME_LENGTH
	hciHandle     = 1   // of the one link
)

// hciLEOnly are the features of a controller that has only Low Energy (LMP_NO_BREDR
// and LMP_LE, in this byte), which is then enabled from the beginning.
const (
	hciLEOnly     = 0x60
	hciLEOnlyByte = 4
)

// The addresses of the controller and of the remote device, as they are written.
var (
	hciLocal  = [6]byte{2, 0, 0, 0, 0, 1}
	hciRemote = [6]byte{2, 0, 0, 0, 0, 2}
)

// bdaddr is a bdaddr_t of include/net/bluetooth/bluetooth.h.
func bdaddr(a [6]byte) []byte {
	slices.Reverse(a[:])
	return a[:]
}

func le16(numbers ...uint16) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint16(b, n)
	}
	return b
}

// hciReturns are the parameters that commands return after their status
// (struct hci_rp_*). What is not here returns nothing but the status. There are hardly
// any features, so that the kernel neither asks for more nor for a pairing.
var hciReturns = map[uint16][]byte{
	hciReadLocalName:     make([]byte, hciNameLength),
	hciReadClassOfDev:    make([]byte, 3),
	hciReadVoiceSetting:  make([]byte, 2),
	hciReadNumIAC:        {1},
	hciReadCurrentIACLAP: {1, 0x33, 0x8b, 0x9e},
	hciReadLocalVersion:  {hciVersion, 0, 0, hciVersion, 0, 0, 0, 0},
	hciReadBufferSize:    slices.Concat(le16(hciACLMTU), []byte{0}, le16(hciACLPackets, 0)),
	hciReadBDAddr:        bdaddr(hciLocal),
	hciLEReadBufferSize:  slices.Concat(le16(hciACLMTU), []byte{hciACLPackets}),
	hciLEReadFeatures:    make([]byte, 8),
	hciLEReadStates:      make([]byte, 8),
}

// hciEvents are the events in which commands end that are about the link or the
// remote device (struct hci_ev_*). They are acknowledged with a Command Status.
var hciEvents = map[uint16][]byte{
	hciCreateConn: event(hciConnComplete, []byte{hciSuccess}, le16(hciHandle), bdaddr(hciRemote),
		[]byte{hciACLLink, 0}),
	hciDisconnect:      disconnection(hciHostTerm),
	hciRemoteNameReq:   event(hciRemoteName, []byte{hciSuccess}, bdaddr(hciRemote), make([]byte, hciNameLength)),
	hciReadRemoteFeats: event(hciRemoteFeatures, []byte{hciSuccess}, le16(hciHandle), make([]byte, 8)),
	hciLECreateConn: event(hciLEMeta, []byte{hciLEConnComplete, hciSuccess}, le16(hciHandle),
		[]byte{0, 0}, bdaddr(hciRemote), le16(0x28, 0, 0x2a), []byte{0}),
	hciLEReadRemoteFeats: event(hciLEMeta, []byte{hciLERemoteFeatures, hciSuccess}, le16(hciHandle), make([]byte, 8)),
}

// hciAdvertisement is what a scan finds: the remote device, which takes connections
// (struct hci_ev_le_advertising_info). The kernel scans before it connects
// (hci_connect_le_scan() in net/bluetooth/hci_conn.c).
var hciAdvertisement = event(hciLEMeta, []byte{hciLEAdvertising, 1, 0, 0}, bdaddr(hciRemote), []byte{0, 0})

// event is a packet with an event (struct hci_event_hdr).
func event(code byte, parameters ...[]byte) []byte {
	p := slices.Concat(parameters...)
	return append([]byte{hciEvent, code, byte(len(p))}, p...)
}

// disconnection is the event that says that the link is no more.
func disconnection(reason byte) []byte {
	return event(hciDisconnEvent, []byte{hciSuccess}, le16(hciHandle), []byte{reason})
}

// An hciPacket is what the kernel sends to a controller.
type hciPacket struct {
	typ    byte
	header uint16 // the command, the handle and flags of the data, or the number of the controller
	data   []byte
}

var errHCI = errors.New("malformed HCI packet")

// parseHCI takes a packet apart: struct hci_command_hdr, struct hci_acl_hdr, or what
// vhci_create_device() in drivers/bluetooth/hci_vhci.c says.
func parseHCI(b []byte) (p hciPacket, err error) {
	if len(b) < 4 {
		return p, fmt.Errorf("%w: % x", errHCI, b)
	}
	p = hciPacket{typ: b[0], header: binary.LittleEndian.Uint16(b[1:])}
	length := -1
	switch p.typ {
	case hciCommand:
		p.data, length = b[4:], int(b[3])
	case hciACLData:
		if len(b) >= 5 {
			p.data, length = b[5:], int(binary.LittleEndian.Uint16(b[3:]))
		}
	case hciVendor:
		p.header, length = binary.LittleEndian.Uint16(b[2:]), len(b)-4
	}
	if length != len(p.data) {
		return p, fmt.Errorf("%w: % x", errHCI, b)
	}
	return p, nil
}

// A vhci is the user space behind /dev/vhci: a Bluetooth controller, and the
// one remote device that it reaches.
type vhci struct {
	file     *os.File
	features [8]byte
	number   chan uint16 // that the kernel gives it, once
	end      chan error
}

// answer returns the packets with which the controller answers one, and behind it the
// remote device.
func (c *vhci) answer(p hciPacket) ([][]byte, error) {
	switch p.typ {
	case hciCommand:
		return c.complete(p), nil
	case hciACLData:
		taken := event(hciNumCompPkts, []byte{1}, le16(hciHandle, 1))
		replies, err := remote(p.data)
		return append([][]byte{taken}, replies...), err
	}
	return nil, nil
}

// complete does a command.
func (c *vhci) complete(p hciPacket) [][]byte {
	const commands = 1 // that the controller takes meanwhile
	if result, ok := hciEvents[p.header]; ok {
		return [][]byte{event(hciCmdStatus, []byte{hciSuccess, commands}, le16(p.header)), result}
	}
	returns := hciReturns[p.header]
	if p.header == hciReadLocalFeatures {
		returns = c.features[:]
	}
	packets := [][]byte{event(hciCmdComplete, []byte{commands}, le16(p.header), []byte{hciSuccess}, returns)}
	if p.header == hciLESetScanEnable && len(p.data) > 0 && p.data[0] != 0 {
		packets = append(packets, hciAdvertisement)
	}
	return packets
}

// serve answers the kernel until the file is closed.
func (c *vhci) serve() {
	defer close(c.end)
	buffer := make([]byte, 1+1<<16)
	for {
		n, err := c.file.Read(buffer)
		if err == nil {
			err = c.take(buffer[:n])
		}
		if errors.Is(err, fs.ErrClosed) {
			return
		}
		if err != nil {
			c.end <- err
			return
		}
	}
}

// take answers one packet. A controller that was brought down meanwhile takes no
// answer (hci_recv_frame() in net/bluetooth/hci_core.c).
func (c *vhci) take(b []byte) error {
	p, err := parseHCI(b)
	if err != nil {
		return err
	}
	if p.typ == hciVendor {
		c.number <- p.header
	}
	replies, err := c.answer(p)
	if err != nil {
		return err
	}
	for _, reply := range replies {
		if _, err := c.file.Write(reply); err != nil && !errors.Is(err, unix.ENXIO) {
			return err
		}
	}
	return nil
}

// Requests of include/net/bluetooth/hci_sock.h.
const (
	hciDevUp   = 0x400448c9 // HCIDEVUP
	hciDevDown = 0x400448ca // HCIDEVDOWN
)

// bluetooth and bluetoothLE are controllers that are up, one for BR/EDR and one for
// Low Energy. The number of the need is the descriptor of its file.
var (
	bluetooth   = Need{Name: "Bluetooth controller", Make: newVHCI(0)}
	bluetoothLE = Need{Name: "Bluetooth LE controller", Make: newVHCI(hciLEOnly)}
)

// newVHCI makes a controller with features.
func newVHCI(features byte) func(e *Env) (int, error) {
	return func(e *Env) (int, error) {
		fd, err := unix.Open("/dev/vhci", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, fmt.Errorf("open /dev/vhci: %w", err)
		}
		c := &vhci{file: os.NewFile(uintptr(fd), "vhci"), number: make(chan uint16, 1), end: make(chan error, 1)}
		c.features[hciLEOnlyByte] = features
		go c.serve()
		e.OnClose(func() error { return errors.Join(c.file.Close(), <-c.end) })
		if _, err := c.file.Write([]byte{hciVendor, 0}); err != nil {
			return 0, fmt.Errorf("make a Bluetooth controller: %w", err)
		}
		return fd, c.up(e)
	}
}

// up brings the controller up until the case is over. The kernel does that by itself,
// too, and HCIDEVUP waits for it (hci_dev_open() in net/bluetooth/hci_core.c).
func (c *vhci) up(e *Env) error {
	hci, err := openSocket(e, unix.AF_BLUETOOTH, unix.SOCK_RAW, unix.BTPROTO_HCI)
	if err != nil {
		return err
	}
	var number int
	select {
	case n := <-c.number:
		number = int(n)
	case err := <-c.end:
		return err
	}
	if err := unix.IoctlSetInt(hci, hciDevUp, number); err != nil && err != unix.EALREADY {
		return fmt.Errorf("bring the Bluetooth controller up: %w", err)
	}
	e.OnClose(func() error { return unix.IoctlSetInt(hci, hciDevDown, number) })
	return nil
}
