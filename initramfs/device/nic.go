package device

import (
	"fmt"
	"slices"
)

// A Card is a network card of the guest, or a port. It leads nowhere: what counts is
// that the driver finds it.
type Card struct {
	Families []string // of kconfigs that build its driver, each of them
	Model    string   // of QEMU, and its properties
	Slot     int      // on the PCI bus, 0 for what is not on it
	End      end      // what QEMU connects it to, where it does not start without
}

// An end is something in QEMU to which cards are connected: the option that makes it,
// what it is, and its name.
type end struct{ option, model, id string }

// onPCI is a card on the PCI bus.
func onPCI(slot int, model string, families ...string) Card {
	return Card{Families: families, Model: model, Slot: slot}
}

// to connects the card.
func (c Card) to(e end) Card {
	c.End = e
	return c
}

// Cards are all cards that a guest may have. The slots below them are taken
// by what each guest has.
var Cards = []Card{e1000, e1000e, i82557, rtl8139, ne2k, pcnet, tulip, vmxnet3, virtioNet, virtioStandby, kvaser, ctucan, parallel}

var (
	e1000         = onPCI(0x10, "e1000", "nic")
	e1000e        = onPCI(0x11, "e1000e", "nic")
	i82557        = onPCI(0x12, "i82557b", "nic")
	rtl8139       = onPCI(0x13, "rtl8139", "nic")
	ne2k          = onPCI(0x14, "ne2k_pci", "nic")
	pcnet         = onPCI(0x15, "pcnet", "nic")
	tulip         = onPCI(0x16, "tulip", "nic")
	vmxnet3       = onPCI(0x17, "vmxnet3", "nic")
	virtioNet     = onPCI(0x18, "virtio-net-pci", "nic", "virtual") // virtual has it for net_failover
	virtioStandby = onPCI(0x19, "virtio-net-pci,failover=on", "virtual")
	kvaser        = onPCI(0x1a, "kvaser_pci,canbus="+canBus.id, "can").to(canBus)
	ctucan        = onPCI(0x1b, "ctucan_pci,canbus0="+canBus.id+",canbus1="+canBus.id, "can").to(canBus)
	parallel      = Card{Families: []string{"virtual"}, Model: "isa-parallel,chardev=" + nowhere.id}.to(nowhere)
)

// What cards are connected to: a bus for those of CAN, and what swallows everything.
var (
	canBus  = end{"-object", "can-bus", "can"}
	nowhere = end{"-chardev", "null", "nowhere"}
)

// QEMU returns the arguments that give QEMU the cards. A card without a ROM does not
// keep the firmware waiting.
func QEMU(cards []Card) []string {
	var args []string
	for _, c := range cards {
		if made := c.End.model + ",id=" + c.End.id; c.End != (end{}) && !slices.Contains(args, made) {
			args = append(args, c.End.option, made)
		}
		args = append(args, "-device", c.device())
	}
	return args
}

// device is the card as QEMU's option -device wants it.
func (c Card) device() string {
	if c.Slot == 0 {
		return c.Model
	}
	return fmt.Sprintf("%s,addr=%#x,romfile=", c.Model, c.Slot)
}

// pci is the card's name on the bus.
func (c Card) pci() string { return fmt.Sprintf("0000:00:%02x.0", c.Slot) }

// driven is the way to create the card's net device: the driver is bound to it.
func (c Card) driven(driver, given string, libraries ...string) Way {
	return bound("pci", driver, c.pci(), given).with(idle("pci", driver, libraries...)...)
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
