/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that this module is built for. It is told
 * by what a kernel defines, not by its version.
 */
#ifndef TEARDOWN_COMPAT_H
#define TEARDOWN_COMPAT_H

#include <linux/linkage.h>
#include <linux/netdevice.h>
#include <linux/objtool.h>

/* Since 5.18, and in the stable series that got indirect branch tracking. */
#ifndef ANNOTATE_NOENDBR
#define ANNOTATE_NOENDBR
#endif

/* Since 5.17, and in the stable series that got return thunks. */
#ifndef ASM_RET
#define ASM_RET "ret\n\t"
#endif

/*
 * References to a device are counted in one word, net_device.dev_refcnt. Since
 * 5.13, if configured so; the header came with 5.17.
 */
#if !defined(CONFIG_PCPU_DEV_REFCNT) && __has_include("linux/ref_tracker.h")
#define TEARDOWN_DEV_REFCNT
#endif

/* A reference to a device, with who took it where the kernel keeps a record. */
struct teardown_reference {
	struct net_device *dev;
#ifdef CONFIG_NET_DEV_REFCNT_TRACKER
	netdevice_tracker tracker;
#endif
};

static inline void teardown_hold(struct teardown_reference *r, struct net_device *dev)
{
	r->dev = dev;
#ifdef CONFIG_NET_DEV_REFCNT_TRACKER
	netdev_hold(dev, &r->tracker, GFP_KERNEL);
#else
	dev_hold(dev);
#endif
}

static inline void teardown_put(struct teardown_reference *r)
{
#ifdef CONFIG_NET_DEV_REFCNT_TRACKER
	netdev_put(r->dev, &r->tracker);
#else
	dev_put(r->dev);
#endif
	r->dev = NULL;
}

#endif /* TEARDOWN_COMPAT_H */
