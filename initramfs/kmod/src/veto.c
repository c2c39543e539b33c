// SPDX-License-Identifier: GPL-2.0
/*
 * veto - refuse an event of the netdev notifier chain
 *
 * Write "EVENT PATTERN COUNT ERRNO PRIORITY", such as
 * "NETDEV_POST_INIT td* 1 -12 2147483647", to refuse the next COUNT events of
 * devices whose name matches the pattern, or "off". Reading says how many were
 * refused since.
 */
#include <linux/atomic.h>
#include <linux/glob.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/uaccess.h>

#include "teardown.h"

static int refuse(struct notifier_block *nb, unsigned long event, void *info);

/* Keeps writers apart; the chain reads what they set while it is armed. */
static DEFINE_MUTEX(lock);
static struct notifier_block block = { .notifier_call = refuse };
static bool registered;
static bool armed;
static unsigned long wanted;
static char pattern[IFNAMSIZ * 2];
static int error;
static atomic_t left;
static atomic_t hits;

static int refuse(struct notifier_block *nb, unsigned long event, void *info)
{
	struct net_device *dev = netdev_notifier_info_to_dev(info);

	/* Pairs with arm(). */
	if (!smp_load_acquire(&armed) || event != wanted ||
	    !glob_match(pattern, dev->name) || atomic_dec_if_positive(&left) < 0)
		return NOTIFY_DONE;
	atomic_inc(&hits);
	return notifier_from_errno(error);
}

/* No kernel has more events than this. */
#define EVENTS	256

static unsigned long event_by_name(const char *name)
{
	unsigned long event;

	for (event = 1; event < EVENTS; event++)
		if (!strcmp(netdev_cmd_to_name(event), name))
			return event;
	return 0;
}

/*
 * Whoever registers is told of every device that is there, and whoever leaves
 * that they go: it happens while nothing is armed. "off" leaves the notifier
 * where it is, because leaving waits for whoever tears a namespace down.
 */
static int chain(int priority)
{
	int err;

	if (registered && block.priority == priority)
		return 0;
	if (registered)
		unregister_netdevice_notifier(&block);
	block.priority = priority;
	err = register_netdevice_notifier(&block);
	registered = !err;
	return err;
}

static int arm(const char *command)
{
	char name[TEARDOWN_SYMBOL], glob[sizeof(pattern)], rest;
	int count, errno, priority, err;
	unsigned long event;

	if (sscanf(command, "%127s %31s %d %d %d %c", name, glob, &count,
		   &errno, &priority, &rest) != 5)
		return -EINVAL;
	event = event_by_name(name);
	if (!event || count < 1 || errno >= 0 || errno < -MAX_ERRNO)
		return -EINVAL;
	WRITE_ONCE(armed, false);
	err = chain(priority);
	if (err)
		return err;
	wanted = event;
	error = errno;
	strscpy(pattern, glob, sizeof(pattern));
	atomic_set(&left, count);
	atomic_set(&hits, 0);
	/* Pairs with refuse(). */
	smp_store_release(&armed, true);
	return 0;
}

static ssize_t veto_write(struct file *file, const char __user *from,
			  size_t count, loff_t *pos)
{
	char command[TEARDOWN_COMMAND];
	int err = teardown_command(command, from, count);

	if (err)
		return err;
	mutex_lock(&lock);
	if (sysfs_streq(command, "off"))
		WRITE_ONCE(armed, false);
	else
		err = arm(command);
	mutex_unlock(&lock);
	return err ?: count;
}

static ssize_t veto_read(struct file *file, char __user *to, size_t size,
			 loff_t *pos)
{
	char text[32];
	int len = scnprintf(text, sizeof(text), "hits %d\n", atomic_read(&hits));

	return simple_read_from_buffer(to, size, pos, text, len);
}

const struct file_operations teardown_veto_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = veto_read,
	.write = veto_write,
	.llseek = default_llseek,
};

void teardown_veto_exit(void)
{
	WRITE_ONCE(armed, false);
	if (registered)
		unregister_netdevice_notifier(&block);
}
