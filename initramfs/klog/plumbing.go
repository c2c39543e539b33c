package klog

import "strings"

// Functions that appear at the top (or the bottom) of a stack trace whatever
// the bug is. An entry that ends in '*' stands for all names that begin so.
var plumbingNames = []string{
	// printing a report: lib/dump_stack.c, kernel/panic.c, lib/bug.c,
	// arch/x86/kernel/{dumpstack,traps,unwind*}.c, arch/x86/mm/fault.c
	"dump_stack", "dump_stack_lvl", "__dump_stack", "show_stack", "show_regs", "__show_regs", "show_trace_log_lvl",
	"__warn", "__warn_printk", "warn_slowpath*", "__WARN_trap", "WARN_trap", "report_bug*", "__report_bug", "handle_bug",
	"die", "die_addr", "__die*", "oops_*", "page_fault_oops", "no_context", "__bad_area*", "bad_area*",
	"do_user_addr_fault", "do_kern_addr_fault", "do_error_trap", "do_trap", "do_invalid_op", "do_general_protection",
	"exc_*", "asm_exc_*", "invalid_op", "page_fault", "general_protection", "panic", "vpanic", "nmi_panic", "__stack_chk_fail",
	"unknown_nmi_error", "default_do_nmi", "end_repeat_nmi", "nmi_handle",
	// the sanitizers: mm/kasan, mm/kfence, lib/ubsan.c, lib/debugobjects.c
	"kasan_*", "__kasan_*", "____kasan_*", "__asan_*", "__hwasan_*", "print_report", "print_address_description*", "check_memory_region*",
	"kfence_*", "__kfence_*", "__ubsan_*", "ubsan_*", "debug_print_object", "debug_object_*", "__debug_object_*",
	"debug_check_no_obj_freed", "__debug_check_no_obj_freed", "lookup_object_or_alloc", "debug_rcu_head_*", "debug_timer_*", "debug_work_*", "init_timer*", "timer_init_key*", "__mod_timer", "mod_timer*", "__init_work*", "check_slab_allocation",
	// the reporters of counts and lists: lib/refcount.c, lib/list_debug.c, include/linux/refcount.h
	"refcount_*", "__refcount_*", "__list_add_valid*", "__list_del_entry_valid*", "__list_del_entry", "__list_add", "list_add", "list_del", "list_del_init",
	"list_del_rcu", "list_add_rcu", "ref_tracker_*",
	// who takes or drops the reference of a device: include/linux/netdevice.h
	"netdev_hold", "netdev_put", "dev_hold*", "dev_put*", "__dev_hold", "__dev_put", "netdev_tracker_*", "__netdev_tracker_*",
	// sysfs' complaint about a duplicate: fs/sysfs/{dir,symlink}.c
	"sysfs_warn_dup", "sysfs_do_create_link_sd", "sysfs_do_create_link", "sysfs_create_link",
	// scheduler and lock checkers: kernel/sched/core.c, kernel/locking/lockdep.c
	"__might_sleep", "__might_resched", "___might_sleep", "might_sleep", "__schedule_bug", "__schedule", "schedule", "schedule_timeout*",
	"print_circular_bug*", "print_usage_bug*", "print_deadlock_bug", "print_bad_irq_dependency", "check_noncircular",
	"print_irq_inversion_bug", "print_unlock_imbalance_bug", "check_irq_usage", "register_lock_class", "assign_lock_key", "debug_check_no_locks_*",
	"rcu_preempt_sleep_check",
	"check_prev_add", "check_prevs_add", "validate_chain", "__lock_acquire", "lock_acquire", "lock_release", "__lock_release",
	"mutex_lock*", "__mutex_lock*", "_mutex_lock*", "mutex_unlock", "__mutex_unlock*", "__wait_for_common", "wait_for_common", "do_wait_for_common", "wait_for_completion*", "_raw_spin_*", "_raw_read_*", "_raw_write_*", "down_read*", "down_write*", "rtnl_lock*",
	"sched_show_task", "wq_watchdog_timer_fn", "show_one_worker_pool", "show_cpu_pool*", "schedule_preempt_disabled", "lockdep_rcu_suspicious", "mark_lock", "mark_lock_irq", "lock_is_held_type",
	// a processor that waits: arch/x86/lib/delay.c
	"delay_*", "__delay", "__udelay", "__ndelay", "__const_udelay",
	// fault injection: lib/fault-inject.c, lib/ratelimit.c, mm/failslab.c, mm/fail_page_alloc.c
	"fail_dump", "___ratelimit", "should_fail", "should_fail_ex", "should_failslab", "__should_failslab", "should_fail_alloc_page", "__should_fail_alloc_page",
	// allocators: mm/{slub,slab_common,util,percpu,page_alloc,mempolicy,vmalloc,kmemleak}.c
	"kmalloc*", "__kmalloc*", "__do_kmalloc*", "kzalloc*", "kcalloc*", "kmem_cache_alloc*", "__kmem_cache_alloc*", "kmem_cache_zalloc*",
	"__slab_alloc*", "___slab_alloc", "slab_alloc*", "slab_pre_alloc_hook", "slab_post_alloc_hook", "new_slab", "allocate_slab", "alloc_slab_page*",
	"kmemleak_*", "__kmemleak_*", "create_object*", "kvmalloc*", "__kvmalloc*", "kvzalloc*", "kvcalloc*",
	"krealloc*", "__do_krealloc", "kmemdup*", "kstrdup*", "kstrndup*", "kasprintf*", "kvasprintf*", "memdup_user*",
	"__vmalloc*", "vmalloc*", "vzalloc*", "pcpu_alloc*", "__alloc_percpu*", "alloc_percpu*",
	"alloc_pages*", "__alloc_pages*", "__alloc_frozen_pages*", "alloc_frozen_pages*", "prepare_alloc_pages", "__folio_alloc*", "folio_alloc*", "vma_alloc_folio*", "__get_free_pages*", "get_free_pages*", "get_zeroed_page*",
	"kfree", "kvfree", "vfree", "kmem_cache_free*", "__kmem_cache_free*", "slab_free*", "__slab_free", "do_slab_free", "slab_free_freelist_hook", "free_to_partial_list",
	"free_debug_processing", "free_consistency_checks", "object_err", "slab_err", "__slab_err", "slab_bug", "check_slab", "check_object", "check_bytes_and_report", "print_trailer", "on_freelist", "validate_slab*", "__vunmap", "__vfree*", "remove_vm_area", "vm_remove_mappings", "alloc_debug_processing",
	"list_slab_objects", "free_percpu", "bad_page", "warn_alloc", "dump_header", "oom_kill_process", "out_of_memory", "__free_pages*", "free_unref_page*", "free_page_is_bad", "check_free_page", "___free_pages", "get_page_from_freelist", "free_the_page", "__free_frozen_pages", "free_frozen_pages*", "check_new_pages", "__rmqueue_pcplist", "rmqueue*", "might_alloc", "__free_slab",
	// kernel entry: arch/x86/entry, kernel/fork.c, kernel/kthread.c
	"entry_SYSCALL*", "do_syscall_64", "do_syscall_x64", "x64_sys_call", "__x64_sys_*", "__se_sys_*", "__do_sys_*",
	"ret_from_fork*", "kthread", "asm_sysvec_*", "sysvec_*",
}

var plumbingExact, plumbingPrefix = func() (map[string]bool, []string) {
	exact := map[string]bool{}
	var prefix []string
	for _, n := range plumbingNames {
		if p, ok := strings.CutSuffix(n, "*"); ok {
			prefix = append(prefix, p)
		} else {
			exact[n] = true
		}
	}
	return exact, prefix
}()

func plumbing(function string) bool {
	if plumbingExact[function] {
		return true
	}
	for _, p := range plumbingPrefix {
		if strings.HasPrefix(function, p) {
			return true
		}
	}
	return false
}
