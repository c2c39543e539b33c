package device

import (
	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// ttyKinds are created by a line discipline, or by the protocol above one.
var ttyKinds = []Kind{
	{
		Name: "ppp",
		Driver: Driver{
			NdoInit:        fn("ppp_dev_init"),
			NdoUninit:      fn("ppp_dev_uninit"),
			PrivDestructor: fn("ppp_dev_priv_destructor"),
		},
		Family: "tty",
		Module: "ppp_generic",
		Config: "CONFIG_PPP",
		Source: "drivers/net/ppp/ppp_generic.c",
		Ways:   []Way{pppNewLink, pppNewUnit},
	},
	{
		Name:   "slip",
		Driver: Driver{NdoInit: fn("sl_init"), NdoUninit: fn("sl_uninit"), PrivDestructor: upTo("5.10", "sl_free_netdev")},
		Family: "tty",
		Module: "slip",
		Config: "CONFIG_SLIP",
		Source: "drivers/net/slip/slip.c",
		// slip_open() makes ENFILE of a failed sl_alloc(), which names the device
		// after its slot.
		Ways: []Way{discipline(nSLIP, "sl0").short(unix.ENFILE)},
	},
	{
		Name:   "slcan",
		Driver: Driver{PrivDestructor: upTo("5.19", "slc_free_netdev")},
		Family: "tty",
		Module: "slcan",
		Config: "CONFIG_CAN_SLCAN",
		Source: "drivers/net/can/slcan/slcan-core.c",
		// slcan_open() makes ENFILE of a failed alloc_candev(). Up to 5.19 it named
		// the device itself, after its slot (slc_alloc() in drivers/net/can/slcan.c).
		Ways: []Way{
			discipline(nSLCAN, "can0").numbered().short(unix.ENFILE).since("6.0"),
			discipline(nSLCAN, "slcan0").named("tty-slot").short(unix.ENFILE).until("5.19"),
		},
	},
	{
		Name:   "can327",
		Lines:  Lines{From: "6.0"},
		Family: "tty",
		Module: "can327",
		Config: "CONFIG_CAN_CAN327",
		Source: "drivers/net/can/can327.c",
		// can327_ldisc_open() makes ENFILE of a failed alloc_candev(), and
		// open_candev() wants a bit rate.
		Ways: []Way{discipline(nCAN327, "can0").numbered().short(unix.ENFILE).down(unix.EINVAL)},
	},
	{
		Name:   "mctp_serial",
		Driver: Driver{NdoUninit: fn("mctp_serial_uninit")},
		Lines:  Lines{From: "5.17"},
		Family: "tty",
		Module: "mctp-serial",
		Config: "CONFIG_MCTP_SERIAL",
		Source: "drivers/net/mctp/mctp-serial.c",
		Ways:   []Way{discipline(nMCTP, "mctpserial0")},
	},
	{
		Name:   "gsm",
		Family: "tty",
		Module: "n_gsm",
		Config: "CONFIG_N_GSM",
		Source: "drivers/tty/n_gsm.c",
		Ways:   []Way{gsmNetwork},
	},
	{
		Name:   "caif_serial",
		Lines:  Lines{To: "7.1"},
		Family: "tty",
		Module: "caif_serial",
		Config: "CONFIG_CAIF_TTY",
		Source: "drivers/net/caif/caif_serial.c",
		Ways:   []Way{caifLine},
	},
	{
		Name: "caif",
		Driver: Driver{
			NdoInit:        fn("chnl_net_init"),
			NdoUninit:      fn("chnl_net_uninit"),
			PrivDestructor: fn("chnl_net_destructor"),
		},
		Lines:  Lines{To: "7.1"},
		Family: "tty",
		Module: "chnl_net",
		Config: "CONFIG_CAIF_NETDEV",
		Source: "net/caif/chnl_net.c",
		// chnl_net_open() wants the device of a modem (caif_connect_client()). A bond
		// does not take the device, because it has no address to set.
		Ways: []Way{rtnetlink("caif", rtnl.Uint8(iflaCAIFLoopback, 1)).without(Slave).down(unix.ENODEV)},
	},
	{
		Name:   "6pack",
		Lines:  Lines{To: "7.1"},
		Family: "tty",
		Module: "6pack",
		Config: "CONFIG_6PACK",
		Source: "drivers/net/hamradio/6pack.c",
		Ways:   []Way{discipline(n6PACK, "sp0").numbered()},
	},
	{
		Name:   "mkiss",
		Lines:  Lines{To: "7.1"},
		Family: "tty",
		Module: "mkiss",
		Config: "CONFIG_MKISS",
		Source: "drivers/net/hamradio/mkiss.c",
		Ways:   []Way{discipline(nAX25, "ax0").numbered()},
	},
	{
		Name:   x25Module,
		Lines:  Lines{To: "5.10"},
		Family: "tty",
		Module: x25Module,
		Config: "CONFIG_X25_ASY",
		Source: "drivers/net/wan/x25_asy.c",
		Ways:   []Way{x25Line},
	},
}

// until limits the way to a kernel line and earlier ones.
func (w Way) until(line string) Way {
	w.Lines.To = line
	return w
}
