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
}
