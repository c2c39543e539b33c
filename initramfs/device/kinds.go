package device

import "slices"

// bondingMasters is the class attribute by which bonds are created and deleted
// (bonding_store_bonds() in drivers/net/bonding/bond_sysfs.c). There is one in
// each namespace.
const bondingMasters = "/sys/class/net/bonding_masters"

// vethInfoPeer is VETH_INFO_PEER of include/uapi/linux/veth.h.
const vethInfoPeer = 1

// Kinds is the catalogue.
var Kinds = slices.Concat(basicKinds, virtualKinds, tunnelKinds, canKinds, charKinds, ttyKinds,
	genlKinds, wirelessKinds, usbKinds, legacyKinds, busKinds, nicKinds)

// basicKinds are those that the smallest kernel has.
var basicKinds = []Kind{
	{
		Name:   "bond",
		Driver: Driver{NdoInit: fn("bond_init"), NdoUninit: fn("bond_uninit"), PrivDestructor: fn("bond_destructor")},
		Family: "basic",
		Module: "bonding",
		Idle:   "max_bonds=0",
		Load:   Load{"max_bonds=3", []string{"bond0", "bond1", "bond2"}},
		Config: "CONFIG_BONDING",
		Source: "drivers/net/bonding/bond_main.c",
		Ways:   []Way{rtnetlink("bond").forXDP(), bondSysfs.forXDP()},
	},
	{
		Name:   "veth",
		Driver: Driver{NdoInit: fn("veth_dev_init"), PrivDestructor: fn("veth_dev_free")},
		Family: "basic",
		Module: "veth",
		Config: "CONFIG_VETH",
		Source: "drivers/net/veth.c",
		Ways:   []Way{pair("veth", vethInfoPeer).forXDP()},
		Pair:   true,
	},
	{
		Name:   "dummy",
		Driver: Driver{NdoInit: fn("dummy_dev_init"), NdoUninit: upTo("6.1", "dummy_dev_uninit")},
		Family: "basic",
		Module: "dummy",
		Idle:   "numdummies=0",
		Load:   Load{"numdummies=3", []string{"dummy0", "dummy1", "dummy2"}},
		Config: "CONFIG_DUMMY",
		Source: "drivers/net/dummy.c",
		Ways:   []Way{rtnetlink("dummy")},
	},
}

// The ndo_init and the priv_destructor of the device that each network namespace
// has from its beginning, drivers/net/loopback.c.
const (
	LoopbackInit = "loopback_dev_init"
	LoopbackFree = "loopback_dev_free"
)

// bondSysfs writes "+name" and "-name" to bonding_masters.
var bondSysfs = Way{
	Name:   "sysfs",
	Chosen: Name,
	New: func(e *Env, d Device) (Op, error) {
		return WriteFile(e, bondingMasters, "+"+d.Name)
	},
	Delete: func(e *Env, d Device) (Op, error) {
		return WriteFile(e, bondingMasters, "-"+d.Name)
	},
}

// ByName returns the kind of that name.
func ByName(name string) (Kind, bool) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}
