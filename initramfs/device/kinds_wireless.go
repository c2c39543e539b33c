package device

import "golang.org/x/sys/unix"

// wirelessKinds are devices of simulated radios and modems.
var wirelessKinds = []Kind{
	{
		Name: "wlan",
		// ieee80211_if_free() was there before the core freed statistics, 6.12.
		Driver: Driver{NdoUninit: fn("ieee80211_uninit"), PrivDestructor: upTo("6.1", "ieee80211_if_free")},
		Family: "wireless",
		Module: "mac80211_hwsim",
		Idle:   "radios=0", // but for the monitor hwsim0, which is there once and for all
		Config: "CONFIG_MAC80211_HWSIM",
		Source: "net/mac80211/iface.c",
		Ways: []Way{
			wlan("station", unix.NL80211_IFTYPE_STATION),
			wlan("monitor", unix.NL80211_IFTYPE_MONITOR),
			wlan("station-of-radio", unix.NL80211_IFTYPE_STATION).withRadio(),
			wlanRadio,
		},
	},
	{
		Name:   "virt_wifi",
		Driver: Driver{PrivDestructor: fn("virt_wifi_net_device_destructor")},
		Family: "wireless",
		Module: "virt_wifi",
		Config: "CONFIG_VIRT_WIFI",
		Source: "drivers/net/wireless/virtual/virt_wifi.c",
		Ways:   []Way{rtnetlink("virt_wifi").over(ethernet)},
	},
	{
		Name:   "wpan",
		Driver: Driver{PrivDestructor: fn("mac802154_wpan_free")},
		Family: "wireless",
		Module: "mac802154",
		Config: "CONFIG_MAC802154",
		Source: "net/mac802154/iface.c",
		Ways:   []Way{wpan("node", wpanNode), wpan("monitor", wpanMonitor), wpanRadio},
	},
	{
		Name:   "lowpan",
		Driver: Driver{NdoInit: fn("lowpan_dev_init")},
		Family: "wireless",
		Module: "ieee802154_6lowpan",
		Config: "CONFIG_IEEE802154_6LOWPAN",
		Source: "net/ieee802154/6lowpan/core.c",
		// It looks for the device below in its own namespace (lowpan_newlink()), and
		// has no Ethernet address for a bond.
		Ways: []Way{rtnetlink("lowpan").over(wpanLower).without(Namespace | Slave)},
	},
	{
		Name:   "wwan",
		Family: "wireless",
		Module: "wwan_hwsim",
		Idle:   "devices=0",
		Config: "CONFIG_WWAN_HWSIM",
		Source: "drivers/net/wwan/wwan_hwsim.c",
		Lines:  Lines{From: "6.1"},
		Ways:   []Way{wwanLink},
	},
	{
		Name:   "bnep",
		Family: "wireless",
		Module: "bnep",
		Config: "CONFIG_BT_BNEP",
		Source: "net/bluetooth/bnep/core.c",
		Ways:   []Way{bnep("ioctl", deleteBNEP), bnep("link-loss", loseBNEP)},
	},
	{
		Name:   "bt_6lowpan",
		Driver: Driver{NdoInit: fn("bt_dev_init")},
		Family: "wireless",
		Module: "bluetooth_6lowpan",
		Config: "CONFIG_BT_6LOWPAN",
		Source: "net/bluetooth/6lowpan.c",
		Ways:   []Way{bt6lowpan},
	},
}
