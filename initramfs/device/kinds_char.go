package device

import "golang.org/x/sys/unix"

// tunDriver are the functions of drivers/net/tun.c, the same for tun and tap.
var tunDriver = Driver{
	NdoInit:        fn("tun_net_init"),
	NdoUninit:      fn("tun_net_uninit"),
	PrivDestructor: fn("tun_free_netdev"),
}

// charKinds are created through a character device. All kernels have them: they
// hold other devices, too.
var charKinds = []Kind{
	{
		Name:   "tun",
		Driver: tunDriver,
		Family: "virtual",
		Module: "tun",
		Config: "CONFIG_TUN",
		Source: "drivers/net/tun.c",
		Ways:   []Way{tunSetIff("ioctl", unix.IFF_TUN|unix.IFF_NO_PI)},
	},
	{
		Name:   "tap",
		Driver: tunDriver,
		Family: "virtual",
		Module: "tun",
		Config: "CONFIG_TUN",
		Source: "drivers/net/tun.c",
		Ways: []Way{
			tunSetIff("ioctl", unix.IFF_TAP|unix.IFF_NO_PI).forXDP(),
			tunSetIff("multi-queue", unix.IFF_TAP|unix.IFF_NO_PI|unix.IFF_MULTI_QUEUE).forXDP(),
			tunSetIff("napi", unix.IFF_TAP|unix.IFF_NO_PI|unix.IFF_NAPI|unix.IFF_NAPI_FRAGS).forXDP(),
		},
	},
}
