package device

import (
	"fmt"
	"path/filepath"

	"netdev.test/teardown/initramfs/module"
	"netdev.test/teardown/initramfs/rtnl"
)

// Numbers of drivers/net/ieee802154/mac802154_hwsim.h and include/net/nl802154.h.
const (
	wpanSimulation = "MAC802154_HWSIM"
	wpanGetRadio   = 1 // MAC802154_HWSIM_CMD_GET_RADIO
	wpanNewRadio   = 3 // MAC802154_HWSIM_CMD_NEW_RADIO
	wpanDelRadio   = 4 // MAC802154_HWSIM_CMD_DEL_RADIO
	wpanRadioID    = 1 // MAC802154_HWSIM_ATTR_RADIO_ID

	wpanFamily       = "nl802154"
	wpanNewInterface = 7 // NL802154_CMD_NEW_INTERFACE
	wpanDelInterface = 8 // NL802154_CMD_DEL_INTERFACE
	wpanPhy          = 1 // NL802154_ATTR_WPAN_PHY
	wpanIfindex      = 3 // NL802154_ATTR_IFINDEX
	wpanIfname       = 4 // NL802154_ATTR_IFNAME
	wpanIftype       = 5 // NL802154_ATTR_IFTYPE

	wpanNode    = 0 // NL802154_IFTYPE_NODE
	wpanMonitor = 1 // NL802154_IFTYPE_MONITOR
)

// wpanModule simulates 802.15.4. It makes two radios while it loads, each with an
// interface (hwsim_probe()).
const wpanModule = "mac802154_hwsim"

// wpanRadios are the radios of the simulation, the number of the first one.
var wpanRadios = Need{
	Name: "802.15.4 radios",
	Make: func(e *Env) (int, error) {
		if err := e.Load(wpanModule); err != nil {
			return 0, err
		}
		e.OnClose(func() error { return module.Unload(wpanModule) })
		const pattern = "/sys/devices/platform/" + wpanModule + "/ieee802154/*/index"
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			return 0, fmt.Errorf("%s: no radio, %w", pattern, err)
		}
		phy, err := readNumber(files[0])
		return int(phy), err
	},
}

// wpanLower is the interface of the first radio.
var wpanLower = Need{
	Name: "802.15.4 interface",
	Make: func(e *Env) (int, error) {
		if err := e.Provide(wpanRadios); err != nil {
			return 0, err
		}
		return index("wpan0")
	},
}

// wpan creates an interface of a type on the first radio (ieee802154_if_add() in
// net/mac802154/iface.c).
func wpan(name string, typ uint32) Way {
	return Way{
		Name:   name,
		Chosen: Name,
		Early:  true,
		Needs:  []Need{wpanRadios},
		New: func(e *Env, d Device) (Op, error) {
			return generic(command{family: wpanFamily, number: wpanNewInterface, attrs: attrs(
				rtnl.Uint32(wpanPhy, uint32(e.Made(wpanRadios.Name))),
				rtnl.Attr{Type: wpanIfname, Text: d.Name},
				rtnl.Uint32(wpanIftype, typ))}), nil
		},
		Delete: func(e *Env, d Device) (Op, error) {
			return generic(command{family: wpanFamily, number: wpanDelInterface, attrs: indexOf(wpanIfindex, d.Name)}), nil
		},
	}
}

// wpanRadio makes a radio, which is refused if its interface is
// (ieee802154_register_hw() in net/mac802154/main.c). Two others are there.
var wpanRadio = Way{
	Name:  "radio",
	Given: "wpan2",
	Early: true,
	Needs: []Need{wpanRadios},
	New: func(*Env, Device) (Op, error) {
		return generic(command{family: wpanSimulation, number: wpanNewRadio, attrs: attrs()}), nil
	},
	Delete: func(*Env, Device) (Op, error) {
		return generic(command{family: wpanSimulation, number: wpanDelRadio, attrs: func() ([]rtnl.Attr, error) {
			id, err := lastRadio(wpanSimulation, wpanGetRadio, wpanRadioID)
			return []rtnl.Attr{rtnl.Uint32(wpanRadioID, id)}, err
		}}), nil
	},
}
