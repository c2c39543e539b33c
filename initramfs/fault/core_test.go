package fault

import "testing"

// dummy is how a dummy device allocates, the innermost function first.
var dummy = []string{
	"__kmalloc+0x1 nla_strdup+0x2 rtnl_newlink+0x3", // before the root
	"__kmalloc+0x1 kvasprintf+0x2 dev_set_name+0x3 netdev_register_kobject+0x20 register_netdevice+0x90 rtnl_newlink+0x50",
	"kmem_cache_alloc+0x1 kernfs_new_node+0x2 device_add+0x30 netdev_register_kobject+0x40 register_netdevice+0x90 rtnl_newlink+0x50",
	"kmem_cache_alloc+0x1 kernfs_new_node+0x2 device_add+0x38 netdev_register_kobject+0x40 register_netdevice+0x90 rtnl_newlink+0x50",
	"__kmalloc+0x1 inetdev_init+0x2 inetdev_event+0x60 notifier_call_chain+0x7 raw_notifier_call_chain+0x8 call_netdevice_notifiers_info+0x9 call_netdevice_notifiers.part.0+0x9 register_netdevice+0xa0 rtnl_newlink+0x50",
	"__kmalloc+0x1 ipv6_add_dev+0x2 addrconf_notify+0x70 notifier_call_chain+0x7 raw_notifier_call_chain+0x8 call_netdevice_notifiers_info+0x9 call_netdevice_notifiers.part.0+0x9 register_netdevice+0xa0 rtnl_newlink+0x50",
	"__kmalloc+0x1 nlmsg_new+0x2 rtmsg_ifinfo_build_skb+0x3 unregister_netdevice_many_notify+0x20 rtnl_delete_link+0x9",
	"__kmalloc+0x1 nlmsg_new+0x6 rtmsg_ifinfo_build_skb+0x3 unregister_netdevice_many_notify+0x20 rtnl_delete_link+0x9",
}

func TestCoreClass(t *testing.T) {
	core := NewCore(dummy)
	for _, tt := range []struct {
		name string
		a, b string
		same bool
	}{
		{"two of one call of the root", dummy[2], dummy[3], true},
		{"two calls in what the root calls", dummy[1], dummy[2], false},
		{"two notifiers", dummy[4], dummy[5], false},
		{"before the root", dummy[0], dummy[0] + " other+0x1", false},
		{"a page for the slab cache", dummy[2], "alloc_pages+0x1 allocate_slab+0x2 ___slab_alloc+0x3 " + dummy[2], true},
		{"of two devices of a pair", dummy[2], dummy[3] + " veth_newlink+0x80", false},
		{
			"a root called by another",
			"__kmalloc+0x1 nlmsg_new+0x2 rtmsg_ifinfo_build_skb+0x3 unregister_netdevice_many_notify+0x20 unregister_netdevice_many+0x9 tun_chr_close+0x1",
			"__kmalloc+0x1 nlmsg_new+0x6 rtmsg_ifinfo_build_skb+0x3 unregister_netdevice_many_notify+0x20 unregister_netdevice_many+0x9 tun_chr_close+0x1",
			true,
		},
		{
			"not the core's",
			"__kmalloc+0x1 bond_init+0x10 register_netdevice+0x80 bond_create+0x5",
			"__kmalloc+0x1 bond_init+0x18 register_netdevice+0x80 bond_create+0x5",
			false,
		},
		{
			"the core's within the driver's",
			"kmem_cache_alloc+0x1 kernfs_new_node+0x2 device_add+0x30 netdev_register_kobject+0x40 register_netdevice+0x90 hsr_newlink+0x1 register_netdevice+0x99",
			"kmem_cache_alloc+0x1 kernfs_new_node+0x2 device_add+0x38 netdev_register_kobject+0x40 register_netdevice+0x90 hsr_newlink+0x1 register_netdevice+0x99",
			false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := core.Class(tt.a), core.Class(tt.b)
			if (a == b) != tt.same {
				t.Errorf("classes %q and %q, want the same: %v", a, b, tt.same)
			}
		})
	}
	if got := Core(nil).Class(dummy[2]); got != dummy[2] {
		t.Errorf("without a core the class is %q, want the call stack", got)
	}
}
