// SPDX-License-Identifier: GPL-2.0
/*
 * fail - make a function return a value without running
 *
 * Write "SYMBOL VALUE SKIP COUNT" to make SYMBOL return VALUE, after SKIP calls
 * COUNT times, in the task that wrote, or "off". Reading says how often that
 * task called it since, and how many of the calls were refused.
 *
 * The symbol is one of /proc/kallsyms, with the suffix that the compiler gave
 * it, optionally after "MODULE:".
 */
#include <linux/kprobes.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/preempt.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "teardown.h"

/* Where a refused call goes on: back to its caller. */
asmlinkage void teardown_return(void);
asm(".pushsection .text\n"
	".type teardown_return, @function\n"
	"teardown_return:\n"
		ANNOTATE_NOENDBR "\n"
		ASM_RET "\n"
	".size teardown_return, .-teardown_return\n"
	".popsection\n");

/* Keeps writers apart. */
static DEFINE_MUTEX(lock);
static struct kprobe probe;
static char symbol[TEARDOWN_SYMBOL];
static bool probed;

/* Who may be refused. The rest is touched by that task only once this is set. */
static struct pid *armed;
static unsigned long value;
static unsigned int skip, count, calls, hits;

/* The handler of a kprobe that stands for several at one address. */
static kprobe_pre_handler_t aggregate;

/*
 * The breakpoint itself counts as an NMI, which adds to the count of hard
 * interrupts: more than one means that it hit in an interrupt.
 */
static bool in_interrupt_of_task(void)
{
	return in_serving_softirq() || hardirq_count() > HARDIRQ_OFFSET;
}

/*
 * Of several kprobes at one address the newest is called first, and the first
 * that changes the instruction pointer is the last to be called. The older ones
 * shall see the call too: whoever traces the function needs to know of it.
 */
static void call_older(struct kprobe *p, struct pt_regs *regs)
{
	struct kprobe *older = p;

	for (;;) {
		older = list_entry_rcu(older->list.next, struct kprobe, list);
		if (older == p || older->pre_handler == aggregate)
			return;
		if (older->pre_handler && !kprobe_disabled(older))
			older->pre_handler(older, regs);
	}
}

NOKPROBE_SYMBOL(call_older);

static int refuse(struct kprobe *p, struct pt_regs *regs)
{
	/* Pairs with arm(). */
	if (smp_load_acquire(&armed) != task_pid(current) || in_interrupt_of_task())
		return 0;
	if (calls++ < skip || hits >= count)
		return 0;
	hits++;
	if (aggregate)
		call_older(p, regs);
	regs_set_return_value(regs, value);
	instruction_pointer_set(regs, (unsigned long)teardown_return);
	return 1;
}

NOKPROBE_SYMBOL(refuse);

/* That there is one keeps the probe a breakpoint, which may change registers. */
static void keep_breakpoint(struct kprobe *p, struct pt_regs *regs,
			    unsigned long flags)
{
}

NOKPROBE_SYMBOL(keep_breakpoint);

static void disarm(void)
{
	struct pid *pid = armed;

	WRITE_ONCE(armed, NULL);
	put_pid(pid);
}

static void remove_probe(void)
{
	if (probed)
		unregister_kprobe(&probe);
	probed = false;
}

/* A probe that is there is used again, unless its module was unloaded. */
static int set_probe(const char *name)
{
	int err;

	if (probed && !strcmp(symbol, name) && !kprobe_gone(&probe))
		return 0;
	remove_probe();
	strscpy(symbol, name, sizeof(symbol));
	probe = (struct kprobe){
		.symbol_name = symbol,
		.pre_handler = refuse,
		.post_handler = keep_breakpoint,
	};
	err = register_kprobe(&probe);
	probed = !err;
	return err;
}

static int arm(const char *command)
{
	unsigned int new_skip, new_count;
	char name[TEARDOWN_SYMBOL], rest;
	long new_value;
	int err;

	if (sscanf(command, "%127s %ld %u %u %c", name, &new_value, &new_skip,
		   &new_count, &rest) != 4)
		return -EINVAL;
	err = set_probe(name);
	if (err)
		return err;
	value = new_value;
	skip = new_skip;
	count = new_count;
	calls = 0;
	hits = 0;
	/* Pairs with refuse(). */
	smp_store_release(&armed, get_pid(task_pid(current)));
	return 0;
}

static ssize_t fail_write(struct file *file, const char __user *from,
			  size_t size, loff_t *pos)
{
	char command[TEARDOWN_COMMAND];
	int err = teardown_command(command, from, size);

	if (err)
		return err;
	mutex_lock(&lock);
	disarm();
	if (sysfs_streq(command, "off"))
		remove_probe();
	else
		err = arm(command);
	mutex_unlock(&lock);
	return err ?: size;
}

static ssize_t fail_read(struct file *file, char __user *to, size_t size,
			 loff_t *pos)
{
	char text[64];
	int len = scnprintf(text, sizeof(text), "calls %u hits %u\n",
			    READ_ONCE(calls), READ_ONCE(hits));

	return simple_read_from_buffer(to, size, pos, text, len);
}

const struct file_operations teardown_fail_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = fail_read,
	.write = fail_write,
	.llseek = default_llseek,
};

/**
 * teardown_fail_init - learn how the kernel marks an aggregate kprobe
 *
 * Of two probes at one address and what links them, the one that is neither is
 * the aggregate.
 *
 * Return: 0 or a negative errno.
 */
int teardown_fail_init(void)
{
	struct kprobe two[2] = {};
	struct kprobe *both[2] = { &two[0], &two[1] };
	struct kprobe *p;
	int err;

	two[0].addr = (kprobe_opcode_t *)teardown_command;
	two[1].addr = (kprobe_opcode_t *)teardown_command;
	err = register_kprobes(both, 2);
	if (err)
		return err;
	list_for_each_entry(p, &two[0].list, list)
		if (p != &two[1])
			aggregate = p->pre_handler;
	unregister_kprobes(both, 2);
	return aggregate ? 0 : -EOPNOTSUPP;
}

void teardown_fail_exit(void)
{
	disarm();
	remove_probe();
}
