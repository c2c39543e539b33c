// SPDX-License-Identifier: GPL-2.0
/*
 * twice - a device whose driver breaks the promises of the unregister path
 *
 * Its ndo_uninit runs the priv_destructor that the core is going to run. No
 * harm comes of it: the destructor does nothing the second time.
 */
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "teardown.h"

struct twice {
	void *memory;
};

/* Probes find the next three by name: none may be inlined or cloned. */
static noinline __noclone int teardown_ndo_init(struct net_device *dev)
{
	struct twice *t = netdev_priv(dev);

	t->memory = kmalloc(64, GFP_KERNEL);
	return t->memory ? 0 : -ENOMEM;
}

static noinline __noclone void teardown_priv_destructor(struct net_device *dev)
{
	struct twice *t = netdev_priv(dev);

	kfree(t->memory);
	t->memory = NULL;
}

static noinline __noclone void teardown_ndo_uninit(struct net_device *dev)
{
	teardown_priv_destructor(dev);
}

static const struct net_device_ops ops = {
	.ndo_init = teardown_ndo_init,
	.ndo_uninit = teardown_ndo_uninit,
};

static void setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &ops;
	dev->priv_destructor = teardown_priv_destructor;
	dev->needs_free_netdev = true;
}

/**
 * teardown_twice - register and unregister such a device
 *
 * The device is in the network namespace of the caller.
 *
 * Return: 0 or a negative errno.
 */
int teardown_twice(void)
{
	struct net_device *dev;
	int err;

	dev = alloc_netdev(sizeof(struct twice), "teardown%d", NET_NAME_UNKNOWN, setup);
	if (!dev)
		return -ENOMEM;
	dev_net_set(dev, current->nsproxy->net_ns);
	err = register_netdev(dev);
	if (err)
		free_netdev(dev);
	else
		unregister_netdev(dev);
	return err;
}
