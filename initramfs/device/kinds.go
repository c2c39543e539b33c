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
		Name:    "bond",
		Module:  "bonding",
		Config:  "CONFIG_BONDING",
		Source:  "drivers/net/bonding/bond_main.c",
		NdoInit: "bond_init",
		Ways:    []Way{rtnetlink("bond"), bondSysfs},
	},
	{
		Name:    "veth",
		Module:  "veth",
		Config:  "CONFIG_VETH",
		Source:  "drivers/net/veth.c",
		NdoInit: "veth_dev_init",
		Ways:    []Way{pair("veth", vethInfoPeer)},
		Pair:    true,
	},
	{
		Name:    "dummy",
		Module:  "dummy",
		Config:  "CONFIG_DUMMY",
		Source:  "drivers/net/dummy.c",
		NdoInit: "dummy_dev_init",
		Ways:    []Way{rtnetlink("dummy")},
	},
}

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
