package device

// busKinds are devices on buses of their own, which are bound to their drivers in
// sysfs.
var busKinds = []Kind{
	{
		Name:   netdevsim,
		Family: "virtual",
		Module: "netdevsim",
		Config: "CONFIG_NETDEVSIM",
		Source: "drivers/net/netdevsim/netdev.c",
		Ways:   []Way{netdevsimPort(), netdevsimBind()},
	},
	{
		Name:   "dsa_loop",
		Family: "virtual",
		Module: "dsa_loop",
		Eager:  true, // it registers its ports while it loads, if there is an eth0
		Config: "CONFIG_NET_DSA_LOOP",
		Source: "drivers/net/dsa/dsa_loop.c",
		Ways:   []Way{dsaLoop()},
	},
}
