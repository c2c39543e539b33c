package device

import "golang.org/x/sys/unix"

// nicKinds are drivers of the network cards that QEMU has. pci_request_regions() says
// EBUSY when it has no memory, and the drivers make errnos of their own of a mapping
// that failed.
var nicKinds = []Kind{
	{
		Name:   "net_failover",
		Family: "virtual",
		Module: "net_failover",
		Eager:  true,
		Config: "CONFIG_NET_FAILOVER",
		Source: "drivers/net/net_failover.c",
		// The device comes before that of virtio_net, on top of which it is
		// (virtnet_probe() in drivers/net/virtio_net.c).
		Ways: []Way{virtioStandby.virtio()},
	},
	card("virtio_net", "CONFIG_VIRTIO_NET", "virtio_net.c", virtioNet.virtio()),
	card("vmxnet3", "CONFIG_VMXNET3", "vmxnet3/vmxnet3_drv.c", vmxnet3.driven("vmxnet3", "eth0").forXDP().short(unix.EBUSY, unix.EIO, unix.EFAULT)),
	card("e100", "CONFIG_E100", "ethernet/intel/e100.c", i82557.driven("e100", "eth0", "mii").short(unix.EBUSY)),
	card("e1000", "CONFIG_E1000", "ethernet/intel/e1000/e1000_main.c", e1000.driven("e1000", "eth0").short(unix.EBUSY, unix.EIO)),
	card("e1000e", "CONFIG_E1000E", "ethernet/intel/e1000e/netdev.c", e1000e.driven("e1000e", "eth0").short(unix.EBUSY, unix.EIO)),
	card("8139cp", "CONFIG_8139CP", "ethernet/realtek/8139cp.c", rtl8139.driven("8139cp", "eth0", "mii").short(unix.EBUSY, unix.EIO)),
	// ne2k_pci_init_one() and pcnet32_probe1() drop the errno of register_netdev().
	card("ne2k-pci", "CONFIG_NE2K_PCI", "ethernet/8390/ne2k-pci.c",
		ne2k.driven("ne2k-pci", "eth0", "8390").answering(unix.ENODEV)),
	card("pcnet32", "CONFIG_PCNET32", "ethernet/amd/pcnet32.c",
		pcnet.driven("pcnet32", "eth0", "mii").answering(unix.ENODEV).short(unix.EBUSY)),
	card("tulip", "CONFIG_TULIP", "ethernet/dec/tulip/tulip_core.c", tulip.driven("tulip", "eth0").short(unix.ENODEV)),
}
