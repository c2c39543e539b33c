package device

// bondingMasters is the class attribute by which bonds are created and deleted
// (bonding_store_bonds() in drivers/net/bonding/bond_sysfs.c). There is one in
// each namespace.
const bondingMasters = "/sys/class/net/bonding_masters"

// vethInfoPeer is VETH_INFO_PEER of include/uapi/linux/veth.h.
const vethInfoPeer = 1

// Kinds is the catalogue.
var Kinds = []Kind{
	{
		Name:   "bond",
		Driver: Driver{NdoInit: "bond_init", NdoUninit: "bond_uninit", PrivDestructor: "bond_destructor"},
		Module: "bonding",
		Config: "CONFIG_BONDING",
		Source: "drivers/net/bonding/bond_main.c",
		Ways:   []Way{rtnetlink("bond"), bondSysfs},
	},
	{
		Name:   "veth",
		Driver: Driver{NdoInit: "veth_dev_init", PrivDestructor: "veth_dev_free"},
		Module: "veth",
		Config: "CONFIG_VETH",
		Source: "drivers/net/veth.c",
		Ways:   []Way{pair("veth", vethInfoPeer)},
		Pair:   true,
	},
	{
		Name:   "dummy",
		Driver: Driver{NdoInit: "dummy_dev_init", NdoUninit: "dummy_dev_uninit"},
		Module: "dummy",
		Config: "CONFIG_DUMMY",
		Source: "drivers/net/dummy.c",
		Ways:   []Way{rtnetlink("dummy")},
	},
}

// Loopback is the driver of the device that each network namespace has from its
// beginning, drivers/net/loopback.c.
var Loopback = Driver{NdoInit: "loopback_dev_init", PrivDestructor: "loopback_dev_free"}

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
