/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TEARDOWN_H
#define TEARDOWN_H

#include <linux/fs.h>
#include <linux/types.h>

/* The longest command that a file takes, and the longest symbol in one. */
#define TEARDOWN_COMMAND	192
#define TEARDOWN_SYMBOL		128

int teardown_command(char *text, const char __user *from, size_t count);

extern const struct file_operations teardown_layout_fops;
extern const struct file_operations teardown_veto_fops;
extern const struct file_operations teardown_fail_fops;
extern const struct file_operations teardown_plant_fops;

int teardown_fail_init(void);
int teardown_twice(void);

/* Each undoes whatever was asked of its file. */
void teardown_veto_exit(void);
void teardown_fail_exit(void);
void teardown_plant_exit(void);

#endif /* TEARDOWN_H */
