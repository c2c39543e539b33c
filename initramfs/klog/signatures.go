package klog

import "regexp"

// Kind says what a signature means for a verdict.
type Kind string

// The kinds of signature.
const (
	Fail  Kind = "fail"  // the kernel says that something is wrong
	Blind Kind = "blind" // a detector has switched itself off: what it does not say means nothing
	Noise Kind = "noise" // expected while a named trigger works, a failure otherwise
)

// What a caller of [Scan] may allow: the triggers that make the kernel print
// what would be a report otherwise.
const (
	// FaultInjection is fail-nth and the other users of lib/fault-inject.c:
	// their stacks, and the complaints of allocators and of
	// kobject_add_internal() about memory.
	FaultInjection = "fault-injection"
	// NotifierErrorInject is lib/notifier-error-inject.c.
	NotifierErrorInject = "notifier-error-inject"
	// BondingMasters is a device that is to be named bonding_masters, as the
	// class attribute of the bonding driver is.
	BondingMasters = "bonding_masters"
)

// extent says how far a report goes on after its first line.
type extent int

const (
	single  extent = iota // the line alone
	dump                  // as long as lines look like a dump: registers, stack, lock list, hex dump
	trace                 // to "---[ end trace", and the dump lines after it
	bars                  // to the line of '=' that closes the box
	lockdep               // through "stack backtrace:" and the stack that follows
)

// Signature is a message of the kernel that matters.
type Signature struct {
	ID     string
	Kind   Kind
	Allow  string // what a caller may allow it by; not for Fail
	Has    string // literal text of the kernel's format string; a line without it cannot match
	Regexp *regexp.Regexp
	// Title is the report's title; $1 to $9 stand for Regexp's groups with
	// what changes from run to run taken out of them.
	Title  string
	Source string // kernel file and function that print it
	Lines  string // kernel lines that print it so: "all" is 5.10 to 7.3

	// Then matches the first line of a second report that belongs to this one
	// when it follows at once.
	Then *regexp.Regexp

	extent extent
	fatal  bool // the kernel dies of it, or is not worth running any longer
	vague  bool // says less than another line of the same report may
}

// Signatures returns the table, in the order in which it is searched: of two
// signatures that match a line, the earlier counts.
func Signatures() []Signature { return append([]Signature(nil), signatures...) }

var re = regexp.MustCompile

// The table. Each Has is a literal part of a format string of the file that
// Source names; the formats were read in 5.10, 6.1, 6.12, 7.2 and 7.3.
var signatures = []Signature{
	// Expected while a trigger works.
	{ID: "fault-injection", Kind: Noise, Allow: FaultInjection, Has: "FAULT_INJECTION: forcing a failure", Regexp: re(`^FAULT_INJECTION: forcing a failure`),
		Title: "FAULT_INJECTION: forcing a failure", Source: "lib/fault-inject.c fail_dump", Lines: "all", extent: dump},
	{ID: "notifier-error-inject", Kind: Noise, Allow: NotifierErrorInject, Has: "Injecting error (", Regexp: re(`Injecting error \((-?\d+)\) to (\w+)`),
		Title: "Injecting error to $2", Source: "lib/notifier-error-inject.c notifier_err_inject_callback", Lines: "all", extent: single},
	{ID: "bonding-masters", Kind: Noise, Allow: BondingMasters, Has: "cannot create duplicate filename '", Regexp: re(`sysfs: cannot create duplicate filename '/class/net/bonding_masters'`),
		Title: "sysfs: cannot create duplicate filename '/class/net/bonding_masters'", Source: "fs/sysfs/dir.c sysfs_warn_dup", Lines: "all", extent: dump},
	{ID: "page-allocation-failure", Kind: Noise, Allow: FaultInjection, Has: "page allocation failure: order:", Regexp: re(`: page allocation failure: order:(\d+)`),
		Title: "page allocation failure", Source: "mm/page_alloc.c warn_alloc", Lines: "all", extent: dump},
	{ID: "vmalloc-error", Kind: Noise, Allow: FaultInjection, Has: "vmalloc: allocation failure", Regexp: re(`: vmalloc: allocation failure[:,]`),
		Title: "vmalloc error: allocation failure", Source: "mm/vmalloc.c __vmalloc_node_range, __vmalloc_area_node", Lines: "5.10", extent: dump},
	{ID: "vmalloc-error", Kind: Noise, Allow: FaultInjection, Has: "vmalloc error: size ", Regexp: re(`: vmalloc error: size \d+, (?:align 0x[0-9a-f]+, )?([a-z_ ]+)`),
		Title: "vmalloc error: $1", Source: "mm/vmalloc.c __vmalloc_node_range", Lines: "6.1 and later", extent: dump},
	{ID: "percpu-allocation-failed", Kind: Noise, Allow: FaultInjection, Has: "percpu: allocation failed", Regexp: re(`^percpu: allocation failed, size=`),
		Title: "percpu: allocation failed", Source: "mm/percpu.c pcpu_alloc", Lines: "all", extent: dump},
	{ID: "slub-unable-to-allocate", Kind: Noise, Allow: FaultInjection, Has: "SLUB: Unable to allocate memory", Regexp: re(`^SLUB: Unable to allocate memory`),
		Title: "SLUB: Unable to allocate memory", Source: "mm/slub.c slab_out_of_memory", Lines: "all", extent: single},
	{ID: "slab-extension", Kind: Noise, Allow: FaultInjection, Has: "Failed to create slab extension vector!", Regexp: re(`^prepare_slab_obj_exts_hook, .*: Failed to create slab extension vector!`),
		Title: "allocation profiling: no memory for a slab's extension vector", Source: "mm/slub.c prepare_slab_obj_exts_hook", Lines: "6.12 and later", extent: trace},
	{ID: "kobject-enomem", Kind: Noise, Allow: FaultInjection, Has: "failed for ", Regexp: re(`kobject_add_internal failed for (\S+) \(error: -12 parent: (\S+)\)`),
		Title: "kobject_add_internal failed for $1 (error: -12)", Source: "lib/kobject.c kobject_add_internal", Lines: "all", extent: single},

	// A detector that has switched itself off.
	{ID: "kmemleak-disabled", Kind: Blind, Has: "kmemleak: Kernel memory leak detector disabled", Regexp: re(`^kmemleak: Kernel memory leak detector disabled`),
		Title: "kmemleak: Kernel memory leak detector disabled", Source: "mm/kmemleak.c kmemleak_disable", Lines: "all", extent: single},
	{ID: "kmemleak-pool", Kind: Blind, Has: "kmemleak: ", Regexp: re(`^kmemleak: (Memory pool empty|Cannot allocate a kmemleak_object structure)`),
		Title: "kmemleak: $1", Source: "mm/kmemleak.c mem_pool_alloc, __alloc_object", Lines: "all", extent: single},
	{ID: "kmemleak-overlap", Kind: Blind, Has: "kmemleak: Cannot insert 0x", Regexp: re(`^kmemleak: Cannot insert 0x[0-9a-f]+ into the object search tree`),
		Title: "kmemleak: Cannot insert an object into the object search tree", Source: "mm/kmemleak.c __link_object", Lines: "all", extent: dump},
	{ID: "lockdep-limit", Kind: Blind, Has: " too low!", Regexp: re(`^BUG: (MAX_\w+) too low!`),
		Title: "lockdep: $1 too low", Source: "kernel/locking/lockdep.c print_lockdep_off", Lines: "all", extent: dump},
	{ID: "lockdep-off", Kind: Blind, Has: "INFO: lockdep is turned off.", Regexp: re(`^INFO: lockdep is turned off\.`),
		Title: "lockdep is turned off", Source: "kernel/locking/lockdep.c debug_show_held_locks", Lines: "all", extent: single},
	{ID: "ref-tracker-memory", Kind: Blind, Allow: FaultInjection, Has: "unreliable refcount tracker", Regexp: re(`^(?:ref_tracker: )?memory allocation failure, unreliable refcount tracker`),
		Title: "ref_tracker: memory allocation failure, unreliable refcount tracker", Source: "lib/ref_tracker.c ref_tracker_alloc", Lines: "6.1 and later", extent: single},
	{ID: "odebug-disabled", Kind: Blind, Has: "ODEBUG: ", Regexp: re(`^ODEBUG: [Oo]ut of memory\.`),
		Title: "ODEBUG: out of memory, disabled", Source: "lib/debugobjects.c debug_objects_oom, debug_objects_mem_init", Lines: "all", extent: single},
	{ID: "stack-depot-full", Kind: Blind, Has: "Stack depot reached limit capacity", Regexp: re(`^Stack depot reached limit capacity`),
		Title: "Stack depot reached limit capacity", Source: "lib/stackdepot.c depot_alloc_stack", Lines: "all", extent: trace},
	{ID: "oom", Kind: Blind, Has: " invoked oom-killer: ", Regexp: re(` invoked oom-killer: gfp_mask=`),
		Title: "the guest ran out of memory", Source: "mm/oom_kill.c dump_header", Lines: "all", extent: dump},

	// Unregistering and references.
	{ID: "waiting-for", Kind: Fail, Has: "unregister_netdevice: waiting for ", Regexp: re(`unregister_netdevice: waiting for (\S+) to become free\. Usage count = (-?\d+)`),
		Title: "unregister_netdevice: waiting for $1 to become free", Source: "net/core/dev.c netdev_wait_allrefs (5.10), netdev_wait_allrefs_any", Lines: "all", extent: single},
	{ID: "ref-tracker", Kind: Fail, Has: "reference", Regexp: re(`^(?:ref_tracker: )?(reference already released|leaked reference)\.`),
		Title: "ref_tracker: $1", Source: "lib/ref_tracker.c ref_tracker_free, ref_tracker_dir_print", Lines: "6.1 and later", Then: re(`^WARNING: .*lib/ref_tracker\.c:`), extent: dump},
	{ID: "ref-tracker-users", Kind: Fail, Has: " users at", Regexp: re(`^ref_tracker: \S+?@[0-9a-fx()nul]+ has \d+/\d+ users at`),
		Title: "ref_tracker: leaked reference", Source: "lib/ref_tracker.c __ref_tracker_dir_pr_ostream", Lines: "6.12 and later", extent: dump},
	{ID: "todo-state", Kind: Fail, Has: "network todo '", Regexp: re(`^network todo '(.*)' but state (\d+)`),
		Title: "network todo '$1' but state is not NETREG_UNREGISTERING", Source: "net/core/dev.c netdev_run_todo", Lines: "5.10", extent: dump},
	{ID: "move-to-init-net", Kind: Fail, Has: "to init_net: ", Regexp: re(`failed to move (\S+) to init_net: -?\d+`),
		Title: "failed to move $1 to init_net", Source: "net/core/dev.c default_device_exit_net", Lines: "all", Then: re(`^kernel BUG at net/core/dev\.c:`), extent: single},
	{ID: "netdev-warn", Kind: Fail, Has: "netdevice: ", Regexp: re(`^netdevice: ([^:]+): (.+)`),
		Title: "netdevice: $1: $2", Source: "include/linux/netdevice.h netdev_WARN", Lines: "all", extent: trace},
	{ID: "refcount", Kind: Fail, Has: "refcount_t: ", Regexp: re(`^refcount_t: (?P<text>[a-z0-9 ;!?-]+)`),
		Title: "refcount_t: $1", Source: "lib/refcount.c refcount_warn_saturate", Lines: "all", extent: trace},
	{ID: "rtnl-assert", Kind: Fail, Has: ": assertion failed at ", Regexp: re(`^(RTNL|RTNL_NET): assertion failed at (?P<file>\S+) \(`),
		Title: "$1: assertion failed at $2", Source: "include/linux/rtnetlink.h ASSERT_RTNL, ASSERT_RTNL_NET", Lines: "all", extent: trace},
	{ID: "freeing-alive", Kind: Fail, Has: " alive ", Regexp: re(`(?P<text>Freeing alive (?:in_device|inet6 device|inet6 address)|Attempt to release alive inet socket|Destroying alive neighbour) `),
		Title: "$1", Source: "net/ipv4/devinet.c in_dev_finish_destroy, net/ipv6/addrconf_core.c in6_dev_finish_destroy, net/ipv4/af_inet.c inet_sock_destruct, net/core/neighbour.c neigh_destroy", Lines: "all", extent: dump},
	{ID: "neighbour-leakage", Kind: Fail, Has: "neighbour leakage", Regexp: re(`neighbour: neighbour leakage`),
		Title: "neighbour leakage", Source: "net/core/neighbour.c neigh_table_clear", Lines: "all", extent: single},
	{ID: "dev-remove-pack", Kind: Fail, Has: " not found", Regexp: re(`^dev_remove_(pack|offload): \S+ not found`),
		Title: "dev_remove_$1: not found", Source: "net/core/dev.c __dev_remove_pack, net/core/gro.c __dev_remove_offload", Lines: "all", extent: single},
	{ID: "adjacency", Kind: Fail, Has: "Adjacency does not exist for device ", Regexp: re(`Adjacency does not exist for device (\S+) from (\S+)`),
		Title: "Adjacency does not exist for device $1 from $2", Source: "net/core/dev.c __netdev_adjacent_dev_remove", Lines: "all", Then: re(`^WARNING: .*net/core/dev\.c:`), extent: dump},

	// Names that were not given back: sysfs, proc, sysctl, debugfs, kobjects.
	{ID: "sysfs-duplicate", Kind: Fail, Has: "cannot create duplicate filename '", Regexp: re(`sysfs: cannot create duplicate filename '(.*)'`),
		Title: "sysfs: cannot create duplicate filename '$1'", Source: "fs/sysfs/dir.c sysfs_warn_dup", Lines: "all", extent: dump},
	{ID: "kernfs-remove", Kind: Fail, Has: "kernfs: can not remove '", Regexp: re(`^kernfs: can not remove '(.*)', no directory`),
		Title: "kernfs: can not remove '$1', no directory", Source: "fs/kernfs/dir.c kernfs_remove_by_name_ns", Lines: "all", extent: trace},
	{ID: "kernfs-ns", Kind: Fail, Has: "kernfs: ns ", Regexp: re(`^kernfs: ns (required|invalid) in '(.*)' for '(.*)'`),
		Title: "kernfs: ns $1 in '$2' for '$3'", Source: "fs/kernfs/dir.c kernfs_find_ns, kernfs_dir_fop_lookup", Lines: "all", extent: trace},
	{ID: "proc-duplicate", Kind: Fail, Has: "proc_dir_entry '", Regexp: re(`^proc_dir_entry '(.*)' already registered`),
		Title: "proc_dir_entry '$1' already registered", Source: "fs/proc/generic.c proc_register", Lines: "all", extent: trace},
	{ID: "proc-not-empty", Kind: Fail, Has: "removing non-empty directory '", Regexp: re(`^\w+: removing non-empty directory '(.*)', leaking at least '(.*)'`),
		Title: "removing non-empty directory '$1', leaking at least '$2'", Source: "fs/proc/generic.c remove_proc_entry", Lines: "all", extent: trace},
	{ID: "sysctl-duplicate", Kind: Fail, Has: "sysctl duplicate entry: ", Regexp: re(`^sysctl duplicate entry: (\S*?)//?([^/\s]*)(?:\s|$)`),
		Title: "sysctl duplicate entry: $1/$2", Source: "fs/proc/proc_sysctl.c insert_entry", Lines: "all", extent: single},
	{ID: "sysctl-link-missing", Kind: Fail, Has: "sysctl link missing during unregister: ", Regexp: re(`^sysctl link missing during unregister: (\S*?)//?([^/\s]*)(?:\s|$)`),
		Title: "sysctl link missing during unregister: $1/$2", Source: "fs/proc/proc_sysctl.c put_links", Lines: "all", extent: single},
	{ID: "sysctl-table-check", Kind: Fail, Has: "sysctl table check failed: ", Regexp: re(`^sysctl table check failed: (.*)`),
		Title: "sysctl table check failed: $1", Source: "fs/proc/proc_sysctl.c sysctl_err", Lines: "all", extent: single},
	{ID: "debugfs-duplicate", Kind: Fail, Has: "debugfs: ", Regexp: re(`^debugfs: (?:Directory|File) '(.*)' (?:with parent|in directory) '(.*)' already present!`),
		Title: "debugfs: '$1' already exists in '$2'", Source: "fs/debugfs/inode.c start_creating", Lines: "5.10 to 6.12", extent: single},
	{ID: "debugfs-duplicate", Kind: Fail, Has: "debugfs: ", Regexp: re(`^debugfs: '(.*)' already exists in '(.*)'`),
		Title: "debugfs: '$1' already exists in '$2'", Source: "fs/debugfs/inode.c debugfs_start_creating", Lines: "7.2 and later", extent: single},
	{ID: "kobject-init", Kind: Fail, Has: "tried to init an initialized object", Regexp: re(`kobject \(\S+\): tried to init an initialized object`),
		Title: "kobject: tried to init an initialized object", Source: "lib/kobject.c kobject_init", Lines: "all", extent: dump},
	{ID: "kobject-uninitialized", Kind: Fail, Has: "kobject: '", Regexp: re(`^kobject: '(.*)' \(\S+\): is not initialized, yet (kobject_get|kobject_put)\(\) is being called`),
		Title: "kobject: '$1' is not initialized, yet $2() is being called", Source: "lib/kobject.c kobject_get, kobject_put", Lines: "all", extent: trace},
	{ID: "kobject-add-uninitialized", Kind: Fail, Has: "tried to add an uninitialized object", Regexp: re(`kobject '(.*)' \(\S+\): tried to add an uninitialized object`),
		Title: "kobject '$1': tried to add an uninitialized object", Source: "lib/kobject.c kobject_add", Lines: "all", extent: dump},
	{ID: "kobject-eexist", Kind: Fail, Has: "failed for ", Regexp: re(`(kobject_add_internal) failed for (\S+) with -EEXIST`),
		Title: "$1 failed for $2 with -EEXIST", Source: "lib/kobject.c kobject_add_internal", Lines: "all", extent: single},
	{ID: "kobject-error", Kind: Fail, Has: "failed for ", Regexp: re(`(kobject_add_internal) failed for (\S+) \(error: -\d+ parent: (\S+)\)`),
		Title: "$1 failed for $2 (parent $3)", Source: "lib/kobject.c kobject_add_internal", Lines: "all", extent: single},
	{ID: "device-no-release", Kind: Fail, Has: " does not have a release() function", Regexp: re(`^Device '(.*)' does not have a release\(\) function`),
		Title: "Device '$1' does not have a release() function", Source: "drivers/base/core.c device_release", Lines: "all", extent: trace},

	// Memory.
	{ID: "kasan", Kind: Fail, Has: "BUG: KASAN: ", Regexp: re(`^BUG: KASAN: (?:slab-)?use-after-free`),
		Title: "KASAN: use-after-free", Source: "mm/kasan/report_generic.c get_shadow_bug_type", Lines: "all", extent: bars},
	{ID: "kasan", Kind: Fail, Has: "BUG: KASAN: ", Regexp: re(`^BUG: KASAN: (.+?)(?: in (?:\S+).*)?$`),
		Title: "KASAN: $1", Source: "mm/kasan/report.c print_error_description, kasan_report_invalid_free (5.10)", Lines: "all", extent: bars},
	{ID: "kfence", Kind: Fail, Has: "BUG: KFENCE: ", Regexp: re(`^BUG: KFENCE: (.+?) in \S+`),
		Title: "KFENCE: $1", Source: "mm/kfence/report.c kfence_report_error", Lines: "6.1 and later", extent: bars},
	{ID: "kmsan", Kind: Fail, Has: "BUG: KMSAN: ", Regexp: re(`^BUG: KMSAN: (.+?) in \S+`),
		Title: "KMSAN: $1", Source: "mm/kmsan/report.c kmsan_report", Lines: "6.12 and later", extent: bars},
	{ID: "kcsan", Kind: Fail, Has: "BUG: KCSAN: ", Regexp: re(`^BUG: KCSAN: (.+?) in `),
		Title: "KCSAN: $1", Source: "kernel/kcsan/report.c print_report", Lines: "all", extent: bars},
	{ID: "ubsan", Kind: Fail, Has: "UBSAN: ", Regexp: re(`^UBSAN: (\S+) in (?P<file>[^:]+):`),
		Title: "UBSAN: $1 in $2", Source: "lib/ubsan.c ubsan_prologue", Lines: "all", extent: trace},
	{ID: "list-corruption", Kind: Fail, Has: "list_", Regexp: re(`^(list_(?:add|del) (?:corruption|double add)\b.*)`),
		Title: "$1", Source: "lib/list_debug.c __list_add_valid, __list_del_entry_valid", Lines: "all", Then: re(`^kernel BUG at lib/list_debug\.c:`), extent: trace},
	{ID: "odebug", Kind: Fail, Has: "ODEBUG: ", Regexp: re(`^ODEBUG: (\w+) (.*?) \(active state \d+\).* object type: (\S+)`),
		Title: "ODEBUG: $1 $2 object type $3", Source: "lib/debugobjects.c debug_print_object", Lines: "all", extent: trace},
	{ID: "odebug-stack", Kind: Fail, Has: "ODEBUG: object ", Regexp: re(`^ODEBUG: object \S+ is (on|NOT on) stack`),
		Title: "ODEBUG: object is $1 stack, annotated otherwise", Source: "lib/debugobjects.c debug_object_is_on_stack", Lines: "all", Then: re(`^WARNING: .*lib/debugobjects\.c:`), extent: dump},
	{ID: "slab", Kind: Fail, Has: "BUG ", Regexp: re(`^BUG (\S+) \([^)]*\): Objects remaining (?:in \S+ )?on `),
		Title: "BUG $1: Objects remaining", Source: "mm/slub.c list_slab_objects", Lines: "all", Then: re(`^WARNING: .*mm/slub\.c:`), extent: dump},
	{ID: "slab", Kind: Fail, Has: "BUG ", Regexp: re(`^BUG (\S+) \([^)]*\): (.*)`),
		Title: "BUG $1: $2", Source: "mm/slub.c slab_bug", Lines: "all", Then: re(`^WARNING: .*mm/slub\.c:`), extent: dump},
	{ID: "slab-cache-objects", Kind: Fail, Has: "Slab cache still has objects", Regexp: re(`^kmem_cache_destroy (\S+): Slab cache still has objects when called from`),
		Title: "kmem_cache_destroy $1: Slab cache still has objects", Source: "mm/slab_common.c kmem_cache_destroy", Lines: "6.1 and later", extent: trace},
	{ID: "slab-cache-objects", Kind: Fail, Has: "Slab cache still has objects", Regexp: re(`^kmem_cache_destroy (\S+): Slab cache still has objects`),
		Title: "kmem_cache_destroy $1: Slab cache still has objects", Source: "mm/slab_common.c kmem_cache_destroy", Lines: "5.10", extent: dump},
	{ID: "vfree", Kind: Fail, Has: "Trying to ", Regexp: re(`^Trying to (vfree|vunmap|vrealloc)\(\) (nonexistent vm area|bad address)`),
		Title: "Trying to $1() $2", Source: "mm/vmalloc.c remove_vm_area, vfree", Lines: "all", extent: trace},
	{ID: "bad-page", Kind: Fail, Has: "BUG: Bad page ", Regexp: re(`^BUG: Bad page (state|map|cache) in process`),
		Title: "BUG: Bad page $1", Source: "mm/page_alloc.c bad_page", Lines: "all", extent: dump},
	{ID: "bad-rss", Kind: Fail, Has: "BUG: ", Regexp: re(`^BUG: (Bad rss-counter state|non-zero pgtables_bytes on freeing mm)`),
		Title: "BUG: $1", Source: "kernel/fork.c check_mm", Lines: "all", extent: single},

	// Locks and contexts.
	{ID: "lockdep", Kind: Fail, Has: "WARNING: ", Regexp: re(`^WARNING: (possible (?:circular|recursive) locking(?: dependency)? detected|possible irq lock inversion dependency detected|\S+-safe -> \S+-unsafe lock order detected|inconsistent lock state|bad unlock balance detected!|bad contention detected!|held lock freed!|Nested lock was not taken|chain_key collision)`),
		Title: "lockdep: $1", Source: "kernel/locking/lockdep.c print_*", Lines: "all", extent: lockdep},
	{ID: "lockdep", Kind: Fail, Has: "WARNING: ", Regexp: re(`^WARNING: (lock held when returning to user space!|.*/\d+ still has locks held!)`),
		Title: "lockdep: lock held when leaving the kernel", Source: "kernel/locking/lockdep.c lockdep_sys_exit, print_held_locks_bug", Lines: "all", extent: dump},
	{ID: "lockdep-wait-context", Kind: Fail, Has: "[ BUG: Invalid wait context ]", Regexp: re(`^\[ BUG: Invalid wait context \]`),
		Title: "lockdep: Invalid wait context", Source: "kernel/locking/lockdep.c print_lock_invalid_wait_context", Lines: "all", extent: lockdep},
	{ID: "lockdep-key", Kind: Fail, Has: "INFO: trying to register non-static key.", Regexp: re(`^INFO: trying to register non-static key\.`),
		Title: "lockdep: trying to register non-static key", Source: "kernel/locking/lockdep.c assign_lock_key", Lines: "all", extent: dump},
	{ID: "suspicious-rcu", Kind: Fail, Has: "WARNING: suspicious RCU usage", Regexp: re(`^WARNING: suspicious RCU usage`),
		Title: "suspicious RCU usage", Source: "kernel/locking/lockdep.c lockdep_rcu_suspicious", Lines: "all", extent: lockdep},
	{ID: "atomic-context", Kind: Fail, Has: "BUG: ", Regexp: re(`^BUG: (sleeping function called from invalid context|scheduling while atomic|scheduling in a non-blocking section|assuming atomic context|assuming non migratable context|using \w+\(\) in preemptible)`),
		Title: "BUG: $1", Source: "kernel/sched/core.c __might_resched, __schedule_bug, lib/smp_processor_id.c", Lines: "all", extent: dump},
	{ID: "workqueue-leak", Kind: Fail, Has: "BUG: workqueue leaked ", Regexp: re(`^BUG: workqueue leaked (?:lock or atomic|atomic, lock or RCU):`),
		Title: "BUG: workqueue leaked atomic, lock or RCU", Source: "kernel/workqueue.c process_one_work", Lines: "all", extent: dump},
	{ID: "workqueue-lockup", Kind: Fail, Has: "BUG: workqueue lockup", Regexp: re(`^BUG: workqueue lockup - pool`),
		Title: "BUG: workqueue lockup", Source: "kernel/workqueue.c wq_watchdog_timer_fn", Lines: "all", extent: dump},
	{ID: "hung-task", Kind: Fail, Has: "INFO: task ", Regexp: re(`^INFO: task .*:\d+ blocked(?: in I/O wait)? for more than \d+ seconds`),
		Title: "task blocked", Source: "kernel/hung_task.c check_hung_task", Lines: "all", extent: dump},
	{ID: "rcu-stall", Kind: Fail, Has: "INFO: ", Regexp: re(`INFO: rcu_\w+ (self-detected stall on CPU|detected stalls? on CPUs/tasks|detected expedited stalls on CPUs/tasks|detected stall, but)`),
		Title: "rcu: $1", Source: "kernel/rcu/tree_stall.h print_cpu_stall, print_other_cpu_stall", Lines: "all", extent: dump},
	{ID: "lockup", Kind: Fail, Has: "ard LOCKUP", Regexp: re(`Watchdog detected hard LOCKUP on cpu`),
		Title: "hard LOCKUP", Source: "kernel/watchdog.c watchdog_hardlockup_check, kernel/watchdog_hld.c", Lines: "all", extent: dump},
	{ID: "lockup", Kind: Fail, Has: "BUG: soft lockup", Regexp: re(`watchdog: BUG: soft lockup - CPU#\d+ stuck for \d+s! \[(.*):\d+\]`),
		Title: "soft lockup", Source: "kernel/watchdog.c watchdog_timer_fn", Lines: "all", extent: dump},

	// Death. Each of them may be the first line of an oops.
	{ID: "null-dereference", Kind: Fail, Has: "BUG: kernel NULL pointer dereference", Regexp: re(`^BUG: kernel NULL pointer dereference, address: `),
		Title: "BUG: kernel NULL pointer dereference", Source: "arch/x86/mm/fault.c show_fault_oops", Lines: "all", extent: trace, fatal: true},
	{ID: "page-fault", Kind: Fail, Has: "BUG: unable to handle ", Regexp: re(`^BUG: unable to handle (page fault|kernel .*) (?:for address|at)`),
		Title: "BUG: unable to handle $1", Source: "arch/x86/mm/fault.c show_fault_oops", Lines: "all", extent: trace, fatal: true},
	{ID: "stack-guard", Kind: Fail, Has: "stack guard page was hit at ", Regexp: re(`^BUG: (?:\w+ )?stack guard page was hit at `),
		Title: "BUG: stack guard page was hit", Source: "arch/x86/kernel/traps.c handle_stack_overflow", Lines: "all", extent: trace, fatal: true},
	{ID: "kernel-bug", Kind: Fail, Has: "ernel BUG at ", Regexp: re(`^[kK]ernel BUG at (?P<file>[^:\s]+?)(?::\d+!|\+0x.*)`),
		Title: "kernel BUG at $1", Source: "lib/bug.c report_bug", Lines: "all", extent: trace, fatal: true},
	{ID: "double-fault", Kind: Fail, Has: "PANIC: double fault", Regexp: re(`^(?:traps: )?PANIC: double fault`),
		Title: "PANIC: double fault", Source: "arch/x86/kernel/traps.c exc_double_fault", Lines: "all", extent: trace, fatal: true},
	{ID: "oops", Kind: Fail, Has: " [#", Regexp: re(`^(?:Oops: )?([A-Za-z][\w -]*?)(?:, .*)?: [0-9a-f]{4} \[#\d+\]`),
		Title: "$1", Source: "arch/x86/kernel/dumpstack.c __die_header", Lines: "all", extent: trace, fatal: true, vague: true},
	{ID: "panic", Kind: Fail, Has: "Kernel panic - not syncing: ", Regexp: re(`^Kernel panic - not syncing: (.*)`),
		Title: "Kernel panic - not syncing: $1", Source: "kernel/panic.c panic", Lines: "all", extent: dump, fatal: true, vague: true},

	// Any other warning. The title gets the WARN()'s own text by [Scan].
	{ID: "warning", Kind: Fail, Has: "WARNING: CPU: ", Regexp: re(`^WARNING: CPU: \d+ PID: \d+ at (?:(?P<file>\S+?):\d+ )?(?:\S+\+0x\S+|0x\S+)`),
		Title: "WARNING at $1", Source: "kernel/panic.c __warn", Lines: "5.10 to 6.12", extent: trace, vague: true},
	{ID: "warning", Kind: Fail, Has: "WARNING: ", Regexp: re(`^WARNING: (?:(?P<file>\S+?):\d+ )?at (?:\S+\+0x\S+|0x\S+).*, CPU#\d+: `),
		Title: "WARNING at $1", Source: "kernel/panic.c __warn", Lines: "7.2 and later", extent: trace, vague: true},
	{ID: "warning-other", Kind: Fail, Has: "WARNING: ", Regexp: re(`^WARNING: (.*)`),
		Title: "WARNING: $1", Source: "any", Lines: "all", extent: dump, vague: true},
	{ID: "bug-other", Kind: Fail, Has: "BUG: ", Regexp: re(`^(?:\w+: |\[ )?BUG: (.*)`),
		Title: "BUG: $1", Source: "any", Lines: "all", extent: dump, vague: true},
}
