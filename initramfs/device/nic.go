package device

import (
	"fmt"
	"path/filepath"
	"slices"
)

// A Card is a network card of the guest. It leads nowhere: what counts is that the
// driver finds it.
type Card struct {
	Family string // of kinds that it is for
	Model  string // of QEMU, and its properties
	Slot   int    // on the PCI bus
}

// Cards are all network cards that a guest may have. The slots below them are taken
// by what each guest has.
var Cards = []Card{e1000, e1000e, i82557, rtl8139, ne2k, pcnet, tulip, vmxnet3, virtioNet, virtioStandby, kvaser, ctucan}

var (
	e1000         = Card{"nic", "e1000", 0x10}
	e1000e        = Card{"nic", "e1000e", 0x11}
	i82557        = Card{"nic", "i82557b", 0x12}
	rtl8139       = Card{"nic", "rtl8139", 0x13}
	ne2k          = Card{"nic", "ne2k_pci", 0x14}
	pcnet         = Card{"nic", "pcnet", 0x15}
	tulip         = Card{"nic", "tulip", 0x16}
	vmxnet3       = Card{"nic", "vmxnet3", 0x17}
	virtioNet     = Card{"nic", "virtio-net-pci", 0x18}
	virtioStandby = Card{"virtual", "virtio-net-pci,failover=on", 0x19}
	kvaser        = Card{"can", "kvaser_pci,canbus=" + canBus, 0x1a}
	ctucan        = Card{"can", "ctucan_pci,canbus0=" + canBus + ",canbus1=" + canBus, 0x1b}
)

// canBus is the bus to which QEMU's CAN cards are connected: they do not
// start without one.
const canBus = "can"

// QEMU returns the arguments that give QEMU the cards. A card without a ROM does not
// keep the firmware waiting.
func QEMU(cards []Card) []string {
	var args []string
	for _, c := range cards {
		if c.Family == "can" && !slices.Contains(args, "-object") {
			args = append(args, "-object", "can-bus,id="+canBus)
		}
		args = append(args, "-device", fmt.Sprintf("%s,addr=%#x,romfile=", c.Model, c.Slot))
	}
	return args
}

// pci is the card's name on the bus.
func (c Card) pci() string { return fmt.Sprintf("0000:00:%02x.0", c.Slot) }

// driven is the way to create the card's net device: the driver is bound to it.
func (c Card) driven(driver, given string, libraries ...string) Way {
	return bound("pci", driver, c.pci(), given).with(idle("pci", driver, libraries...)...)
}

// virtio is the same for a card that is a device on the virtio bus, which the
// driver virtio-pci, built in, makes of it.
func (c Card) virtio() Way {
	pattern := filepath.Join(busFolder, "pci", "devices", c.pci(), "virtio*")
	return boundTo("virtio", "virtio_net", func() (string, error) {
		found, err := filepath.Glob(pattern)
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("%d files match %s", len(found), pattern)
		}
		if err != nil {
			return "", err
		}
		return filepath.Base(found[0]), nil
	}, "eth0").with(idle("virtio", "virtio_net", "failover", "net_failover")...).forXDP()
}

// card is the kind of a card's driver. It is a module, which is loaded for a case
// only: a driver that is there when the guest boots takes the card, its time and its
// name.
func card(name, symbol, source string, w Way) Kind {
	return Kind{
		Name:   name,
		Family: "nic",
		Module: name,
		Eager:  true,
		Config: symbol,
		Source: "drivers/net/" + source,
		Ways:   []Way{w},
	}
}
