package klog

import "strings"

// Lines of a dump, stack frames apart, by what stands at their beginning
// (blanks left out).
var dumpPrefixes = []string{
	// lib/dump_stack.c, kernel/panic.c, arch/x86/kernel/{dumpstack,process_64}.c, arch/x86/mm/fault.c
	"CPU: ", "Tainted: ", "Not tainted ", "Hardware name: ", "Workqueue: ", "Call Trace:", "<", "Modules linked in:",
	"RIP: ", "RSP: ", "RAX: ", "RDX: ", "RBP: ", "R10: ", "R13: ", "FS: ", "CS: ", "CR2: ", "DR0: ", "DR3: ", "PKRU: ",
	"Code: ", "Stack:", "PGD ", "#PF: ", "note: ", "KASAN: ", "Kernel Offset: ", "---[ end ", "NMI backtrace for ", "Sending NMI ", "INFO: NMI handler ",
	"Disabling lock debugging", "--------------------",
	// kernel/locking/lockdep.c, kernel/sched/core.c, kernel/workqueue.c
	"irq event stamp:", "hardirqs last ", "softirqs last ", "#", "Preemption disabled at:", "in_atomic(): ", "preempt_count: ",
	"RCU nest depth: ", "depth: ", "preempt=0x", "INFO: lockdep is turned off", "turning off the locking correctness validator", "Please attach the output of",
	"The code is fine but needs lockdep annotation", "you didn't initialize this object before use", "last function: ",
	// kernel/workqueue.c show_all_workqueues
	"Showing busy workqueues", "Showing backtraces of running workers", "workqueue ", "pwq ", "in-flight: ", "pending: ", "delayed: ", "inactive: ", "pool ",
	// kernel/hung_task.c, kernel/rcu/tree_stall.h
	"task:", `"echo 0 > /proc/sys/kernel/hung_task`, "rcu: ", "(detected by",
	// mm/slub.c print_trailer, mm/debug.c dump_page, mm/show_mem.c
	"INFO: Slab ", "INFO: Object ", "INFO: Allocated in ", "INFO: Freed in ", "INFO: 0x", "Slab 0x", "Object ", "Allocated in ", "Freed in ",
	"0x", "Redzone ", "Padding ", "Bytes b4 ", "FIX ", "page:", "page: ", "flags: ", "raw: ", "head: ", "page dumped because", "page_owner ", "Mem-Info:",
	"aops:", "invalid mapping:", "failed to read mapping ", "invalid host inode ",
	// lib/fault-inject.c, lib/ref_tracker.c
	"name ", "ref_tracker: allocated in:", "ref_tracker: freed in:", "allocated in:", "freed in:",
}

// Other lines of a dump, by what stands in them: "6.12.1 #1 Not tainted",
// "2 locks held by ip/12:".
var dumpInfixes = []string{" Not tainted", " Tainted: ", " held by ", " is leaving the kernel with locks "}

// isDump reports whether a line goes on with the dump that lines before it
// began: registers, stack, locks held, content of an object. An empty one does.
func isDump(s string) bool {
	if _, ok := ParseFrame(s); ok {
		return true
	}
	s = strings.TrimLeft(s, " \t")
	if s == "" {
		return true
	}
	for _, p := range dumpPrefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	for _, p := range dumpInfixes {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}
