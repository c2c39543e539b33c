// SPDX-License-Identifier: GPL-2.0
/*
 * layout - where the fields are that a probe fetches
 *
 * One line a field, "STRUCT.FIELD OFFSET SIZE", in bytes.
 */
#include <linux/device.h>
#include <linux/netdevice.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "teardown.h"

static const struct {
	const char *name;
	size_t offset;
	size_t size;
} fields[] = {
	{ "net_device.dev", offsetof(struct net_device, dev),
	  sizeof_field(struct net_device, dev) },
#ifdef TEARDOWN_DEV_REFCNT
	{ "net_device.dev_refcnt", offsetof(struct net_device, dev_refcnt),
	  sizeof_field(struct net_device, dev_refcnt) },
#else
	{ "net_device.pcpu_refcnt", offsetof(struct net_device, pcpu_refcnt),
	  sizeof_field(struct net_device, pcpu_refcnt) },
#endif
	{ "net_device.ifindex", offsetof(struct net_device, ifindex),
	  sizeof_field(struct net_device, ifindex) },
	{ "net_device.name", offsetof(struct net_device, name),
	  sizeof_field(struct net_device, name) },
	{ "net_device.needs_free_netdev", offsetof(struct net_device, needs_free_netdev),
	  sizeof_field(struct net_device, needs_free_netdev) },
	{ "net_device.netdev_ops", offsetof(struct net_device, netdev_ops),
	  sizeof_field(struct net_device, netdev_ops) },
	{ "net_device.priv_destructor", offsetof(struct net_device, priv_destructor),
	  sizeof_field(struct net_device, priv_destructor) },
	{ "net_device_ops.ndo_init", offsetof(const struct net_device_ops, ndo_init),
	  sizeof_field(const struct net_device_ops, ndo_init) },
	{ "net_device_ops.ndo_open", offsetof(const struct net_device_ops, ndo_open),
	  sizeof_field(const struct net_device_ops, ndo_open) },
	{ "net_device_ops.ndo_stop", offsetof(const struct net_device_ops, ndo_stop),
	  sizeof_field(const struct net_device_ops, ndo_stop) },
	{ "net_device_ops.ndo_uninit", offsetof(const struct net_device_ops, ndo_uninit),
	  sizeof_field(const struct net_device_ops, ndo_uninit) },
	{ "netdev_notifier_info.dev", offsetof(struct netdev_notifier_info, dev),
	  sizeof_field(struct netdev_notifier_info, dev) },
	{ "device.kobj", offsetof(struct device, kobj),
	  sizeof_field(struct device, kobj) },
};

/*
 * In 5.10 reg_state is a bit field of eight bits, which has no offsetof(): it
 * is where a byte changes.
 */
static int show_reg_state(struct seq_file *m)
{
	struct net_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	void *byte;

	if (!dev)
		return -ENOMEM;
	dev->reg_state = NETREG_REGISTERED;
	byte = memchr_inv(dev, 0, sizeof(*dev));
	seq_printf(m, "net_device.reg_state %td 1\n", byte - (void *)dev);
	kfree(dev);
	return 0;
}

static int teardown_layout_show(struct seq_file *m, void *unused)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		seq_printf(m, "%s %zu %zu\n", fields[i].name, fields[i].offset,
			   fields[i].size);
	return show_reg_state(m);
}

static int teardown_layout_open(struct inode *inode, struct file *file)
{
	return single_open(file, teardown_layout_show, NULL);
}

const struct file_operations teardown_layout_fops = {
	.owner = THIS_MODULE,
	.open = teardown_layout_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};
