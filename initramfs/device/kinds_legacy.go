package device

import (
	"strings"

	"golang.org/x/sys/unix"
)

// legacyKinds are devices that are made by old interfaces: socket options, requests
// to ATM sockets, and the loading of their drivers.
var legacyKinds = []Kind{
	{
		// ipmr_reg_vif() in net/ipv4/ipmr.c returns NULL, of which vif_add()
		// makes ENOBUFS. The name is that of the default table.
		Name:   "pimreg",
		Family: "tunnel",
		Config: "CONFIG_IP_PIMSM_V2",
		Source: "net/ipv4/ipmr.c",
		Ways:   []Way{mroute4("pimreg", viffRegister).answering(unix.ENOBUFS)},
	},
	{
		// ip6mr_reg_vif() and mif6_add() do the same.
		Name:   "pim6reg",
		Family: "tunnel",
		Module: "ipv6",
		Config: "CONFIG_IPV6_PIMSM_V2",
		Source: "net/ipv6/ip6mr.c",
		Ways:   []Way{mroute6("pim6reg", miffRegister).answering(unix.ENOBUFS)},
	},
	{
		// Part of Phonet, which the gadget's function needs.
		Name:   "gprs",
		Family: "usb",
		Module: "pn_pep",
		Config: "CONFIG_PHONET",
		Source: "net/phonet/pep-gprs.c",
		Ways:   []Way{gprs},
	},
	{
		Name:   "br2684",
		Family: "legacy",
		Module: "br2684",
		Config: "CONFIG_ATM_BR2684",
		Source: "net/atm/br2684.c",
		Ways:   []Way{atm("br2684", "", atmNewBackendIf, bridgedBR2684).down(unix.EADDRNOTAVAIL)},
	},
	{
		// clip_create() in net/atm/clip.c.
		Name:   "clip",
		Family: "legacy",
		Module: "clip",
		Config: "CONFIG_ATM_CLIP",
		Source: "net/atm/clip.c",
		Lines:  Lines{To: "6.12"},
		Ways:   []Way{atm("clip", "atm0", siocMkClip, first)},
	},
	{
		// lecd_attach() in net/atm/lec.c makes EINVAL of every refusal.
		Name:   "lec",
		Family: "legacy",
		Module: "lec",
		Config: "CONFIG_ATM_LANE",
		Source: "net/atm/lec.c",
		Lines:  Lines{To: "6.12"},
		Ways:   []Way{atm("lec", "lec0", atmLecCtrl, first).answering(unix.EINVAL)},
	},
	{
		// teql_master_open() wants slaves.
		Name:   "teql",
		Family: "virtual",
		Module: "sch_teql",
		Eager:  true,
		Config: "CONFIG_NET_SCH_TEQL",
		Source: "net/sched/sch_teql.c",
		Ways:   []Way{loading("sch_teql", "max_equalizers=1", "teql0").numbered().down(unix.EUNATCH)},
	},
	{
		Name:   "eql",
		Family: "virtual",
		Module: "eql",
		Eager:  true,
		Config: "CONFIG_EQUALIZER",
		Source: "drivers/net/eql.c",
		Ways:   []Way{loading("eql", "", "eql")},
	},
	{
		Name:   "plip",
		Family: "virtual",
		Module: "plip",
		Eager:  true,
		Config: "CONFIG_PLIP",
		Source: "drivers/net/plip/plip.c",
		Ways:   []Way{plip()},
	},
	{
		Name:   "netrom",
		Family: "legacy",
		Module: "netrom",
		Eager:  true,
		Config: "CONFIG_NETROM",
		Source: "net/netrom/af_netrom.c",
		Lines:  Lines{To: "6.12"},
		Ways:   []Way{loading("netrom", "nr_ndevs=2", "nr1")},
	},
	{
		Name:   "rose",
		Family: "legacy",
		Module: "rose",
		Eager:  true,
		Config: "CONFIG_ROSE",
		Source: "net/rose/af_rose.c",
		Lines:  Lines{To: "6.12"},
		Ways:   []Way{loading("rose", "rose_ndevs=2", "rose1")},
	},
	{
		// Four devices (NR_PORTS). yam_open() wants a bit rate.
		Name:   "yam",
		Family: "legacy",
		Module: "yam",
		Eager:  true,
		Config: "CONFIG_YAM",
		Source: "drivers/net/hamradio/yam.c",
		Lines:  Lines{To: "6.12"},
		Ways:   []Way{loading("yam", "", "yam3").down(unix.ENXIO)},
	},
	baycom("baycom_ser_fdx", "bcsf0", "iobase=0 irq=0"),
	baycom("baycom_ser_hdx", "bcsh0", "iobase=0 irq=0"),
	baycom("baycom_par", "bcp0", "iobase=0"),
	{
		Name:   "bpqether",
		Family: "legacy",
		Module: "bpqether",
		Eager:  true,
		Config: "CONFIG_BPQETHER",
		Source: "drivers/net/hamradio/bpqether.c",
		Lines:  Lines{To: "6.12"},
		Ways:   []Way{following("bpqether", "bpq0")},
	},
	{
		Name:   "lapbether",
		Family: "legacy",
		Module: "lapbether",
		Eager:  true,
		Config: "CONFIG_LAPBETHER",
		Source: "drivers/net/wan/lapbether.c",
		Ways:   []Way{following("lapbether", "lapb0")},
	},
	{
		Name:   "ipddp",
		Family: "legacy",
		Module: "ipddp",
		Eager:  true,
		Config: "CONFIG_IPDDP",
		Source: "drivers/net/appletalk/ipddp.c",
		Lines:  Lines{To: "6.1"},
		Ways:   []Way{loading("ipddp", "", "ipddp0").numbered().down(unix.EADDRNOTAVAIL)}, // its address is all zeroes (eth_validate_addr() in net/ethernet/eth.c)
	},
}

// baycom is a packet radio modem, of whose four devices (NR_PORTS) there must be one:
// the driver gives up with ENXIO when the first is refused, and is content with
// those it has when a later one is. Without the address of a port none can be
// brought up.
func baycom(module, given, parameters string) Kind {
	return Kind{
		Name:   module,
		Family: "legacy",
		Module: module,
		Eager:  true,
		Config: "CONFIG_" + strings.ToUpper(module),
		Source: "drivers/net/hamradio/" + module + ".c",
		Lines:  Lines{To: "6.12"},
		Ways:   []Way{loading(module, parameters, given).with(driver("hdlcdrv")).answering(unix.ENXIO).down(unix.ENXIO)},
	}
}
