// SPDX-License-Identifier: GPL-2.0
/*
 * teardown - makes the registration of a network device fail where user space
 * cannot, and plants what a test suite's detectors must find.
 *
 * Everything is asked for by writing to files in debugfs, folder teardown.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "teardown.h"

static struct dentry *folder;

/**
 * teardown_command - take what was written to a file
 * @text: room for TEARDOWN_COMMAND bytes
 * @from: what was written
 * @count: its length
 *
 * Nothing is allocated: the caller may be about to count allocations.
 *
 * Return: 0 or a negative errno.
 */
int teardown_command(char *text, const char __user *from, size_t count)
{
	if (count >= TEARDOWN_COMMAND)
		return -EINVAL;
	if (copy_from_user(text, from, count))
		return -EFAULT;
	text[count] = '\0';
	return 0;
}

static int __init teardown_init(void)
{
	int err = teardown_fail_init();

	if (err)
		return err;
	folder = debugfs_create_dir("teardown", NULL);
	if (IS_ERR(folder))
		return PTR_ERR(folder);
	debugfs_create_file("layout", 0400, folder, NULL, &teardown_layout_fops);
	debugfs_create_file("veto", 0600, folder, NULL, &teardown_veto_fops);
	debugfs_create_file("fail", 0600, folder, NULL, &teardown_fail_fops);
	debugfs_create_file("plant", 0200, folder, NULL, &teardown_plant_fops);
	return 0;
}

static void __exit teardown_exit(void)
{
	debugfs_remove(folder);
	teardown_fail_exit();
	teardown_veto_exit();
	teardown_plant_exit();
}

module_init(teardown_init);
module_exit(teardown_exit);
MODULE_DESCRIPTION("failures and plants for tests of network device teardown");
MODULE_AUTHOR("the teardown authors");
MODULE_LICENSE("GPL");
