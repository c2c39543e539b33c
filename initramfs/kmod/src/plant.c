// SPDX-License-Identifier: GPL-2.0
/*
 * plant - do what a test suite's detectors must find
 *
 * Write one of the commands in the table below. What loses memory does so in
 * the task that writes.
 */
#include <linux/etherdevice.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "teardown.h"

/* Keeps writers apart. */
static DEFINE_MUTEX(lock);
static struct net_device *spare;
static struct teardown_reference held;

/* A per-cpu address with every bit inverted, so that kmemleak finds it lost. */
static unsigned long percpu;

/*
 * Memory that nothing points to. A stale pointer to the last may stay behind on
 * a stack, and one to the first in the object that was its neighbour on the
 * free list: either would hide a single one. They are zeroed so that none of
 * them leads to the next.
 */
static noinline int teardown_leak(const char *unused)
{
	char *lost;
	int i;

	for (i = 0; i < 4; i++) {
		lost = kzalloc(96, GFP_KERNEL);
		if (!lost)
			return -ENOMEM;
		strscpy(lost, "planted by teardown", 96);
	}
	return 0;
}

/* Per-cpu memory that nothing points to. */
static noinline int teardown_percpu(const char *unused)
{
	void __percpu *p;

	if (percpu)
		return -EBUSY;
	p = __alloc_percpu(64, 8);
	if (!p)
		return -ENOMEM;
	percpu = ~(__force unsigned long)p;
	return 0;
}

/* A device that is allocated and never freed. */
static noinline int teardown_netdev(const char *unused)
{
	if (spare)
		return -EBUSY;
	spare = alloc_netdev(0, "teardown%d", NET_NAME_UNKNOWN, ether_setup);
	return spare ? 0 : -ENOMEM;
}

/* Gives back what can be given back. */
static int undo(const char *unused)
{
	if (percpu)
		free_percpu((__force void __percpu *)~percpu);
	percpu = 0;
	if (spare)
		free_netdev(spare);
	spare = NULL;
	return 0;
}

/* A reference to the device of that name in the namespace of the writer. */
static noinline int teardown_hold_device(const char *name)
{
	struct net_device *dev;

	if (held.dev)
		return -EBUSY;
	dev = dev_get_by_name(current->nsproxy->net_ns, name);
	if (!dev)
		return -ENODEV;
	teardown_hold(&held, dev);
	dev_put(dev);
	return 0;
}

static int put(const char *unused)
{
	if (!held.dev)
		return -ENODEV;
	teardown_put(&held);
	return 0;
}

/*
 * Once, until somebody writes to clear_warn_once. A WARN_ONCE() of a module
 * would not hear of that before 7.x: its flag is no bit in the table of bugs.
 */
static void teardown_warn(struct work_struct *unused)
{
	WARN_ON_ONCE(1);
}

static DECLARE_DELAYED_WORK(warning, teardown_warn);

/* A warning by a worker, so many milliseconds later. */
static int warn(const char *delay)
{
	unsigned int ms;
	int err = kstrtouint(delay, 10, &ms);

	if (err)
		return err;
	return schedule_delayed_work(&warning, msecs_to_jiffies(ms)) ? 0 : -EBUSY;
}

/* A device whose driver frees twice. */
static int twice(const char *unused)
{
	return teardown_twice();
}

static const struct {
	const char *name;
	bool argument;
	int (*plant)(const char *argument);
} plants[] = {
	{ "leak", false, teardown_leak },
	{ "percpu", false, teardown_percpu },
	{ "netdev", false, teardown_netdev },
	{ "undo", false, undo },
	{ "hold", true, teardown_hold_device },
	{ "put", false, put },
	{ "warning", true, warn },
	{ "twice", false, twice },
};

static int plant(char *command)
{
	char *argument = strim(command);
	char *name = strsep(&argument, " ");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(plants); i++)
		if (!strcmp(plants[i].name, name) && plants[i].argument == !!argument)
			return plants[i].plant(argument);
	return -EINVAL;
}

static ssize_t plant_write(struct file *file, const char __user *from,
			   size_t count, loff_t *pos)
{
	char command[TEARDOWN_COMMAND];
	int err = teardown_command(command, from, count);

	if (err)
		return err;
	mutex_lock(&lock);
	err = plant(command);
	mutex_unlock(&lock);
	return err ?: count;
}

const struct file_operations teardown_plant_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = plant_write,
	.llseek = default_llseek,
};

void teardown_plant_exit(void)
{
	cancel_delayed_work_sync(&warning);
	undo(NULL);
	put(NULL);
}
