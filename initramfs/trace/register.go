package trace

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Names of the trace events that tell the exits apart.
const (
	eventRegister    = "register"     // register_netdevice() entered
	eventRegisterRet = "register_ret" // register_netdevice() returned
	eventInitRet     = "init_ret"     // the kind's ndo_init returned
	eventIndexRet    = "index_ret"    // dev_index_reserve() returned
	eventNotify      = "notify"       // netdev notifier chain entered
	eventNotifyRet   = "notify_ret"   // netdev notifier chain returned
	eventKobjectRet  = "kobject_ret"  // netdev_register_kobject() returned
	eventAddRet      = "add_ret"      // device_add() returned
	eventOpsRet      = "ops_ret"      // ethtool_check_ops() returned
	eventNetdev      = "netdev"       // register_netdev() entered
	eventNetdevRet   = "netdev_ret"   // register_netdev() returned
)

// Registration is the set of probes by which the exit of register_netdevice()
// is known. They are in net/core/dev.c but for netdev_register_kobject() in
// net/core/net-sysfs.c, device_add() in drivers/base/core.c and
// ethtool_check_ops() in net/ethtool/common.c. dev_index_reserve() came with the
// index xarray in 6.6.
var Registration = []Probe{
	{Event: eventNetdev, Symbol: "register_netdev", Args: "dev=$arg1:x64"},
	{Event: eventNetdevRet, Symbol: "register_netdev", Return: true, Args: "ret=$retval:s32"},
	{Event: eventRegister, Symbol: "register_netdevice", Args: "dev=$arg1:x64"},
	{Event: eventRegisterRet, Symbol: "register_netdevice", Return: true, Args: "ret=$retval:s32"},
	{Event: eventIndexRet, Symbol: "dev_index_reserve", Return: true, Args: "ret=$retval:s32"},
	{Event: eventNotify, Symbol: "call_netdevice_notifiers_info", Args: "val=$arg1:u64"},
	{Event: eventNotifyRet, Symbol: "call_netdevice_notifiers_info", Return: true, Args: "ret=$retval:s32"},
	{Event: eventKobjectRet, Symbol: "netdev_register_kobject", Return: true, Args: "ret=$retval:s32"},
	{Event: eventAddRet, Symbol: "device_add", Return: true, Args: "ret=$retval:s32"},
	{Event: eventOpsRet, Symbol: "ethtool_check_ops", Return: true, Args: "ret=$retval:s32"},
}

// Init is the probe on a kind's ndo_init. Event names are unique, so the kind's
// name is part of it; [Exits] goes by the prefix.
func Init(kind, symbol string) Probe {
	return Probe{Event: InitEvent(kind), Symbol: symbol, Return: true, Args: "ret=$retval:s32"}
}

// InitEvent is the event of the kind's ndo_init, for [Tracer.Has].
func InitEvent(kind string) string { return eventInitRet + "_" + kind }

// Values of enum netdev_cmd, include/linux/netdevice.h; the same on all lines.
const (
	netdevRegister = 5
	netdevPostInit = 17
)

// notifyStop is NOTIFY_STOP_MASK of include/linux/notifier.h.
const notifyStop = 0x8000

// An Exit names the place where register_netdevice() returned an error, as the
// documentation numbers them.
type Exit string

// The exits of register_netdevice(), net/core/dev.c, in the order of its code.
const (
	Before    Exit = "E-1"  // the device never got as far as register_netdevice()
	OK        Exit = "ok"   // it was registered
	Killed    Exit = "E0"   // register_netdev() was killed while it waited for the lock
	Ethtool   Exit = "E1"   // ethtool_check_ops()
	Name      Exit = "E2"   // dev_get_valid_name()
	NameNode  Exit = "E3"   // netdev_name_node_head_alloc()
	NdoInit   Exit = "E4"   // ndo_init
	BuggyVLAN Exit = "E4b"  // VLAN features without the operations they need
	PcpuStats Exit = "E5"   // netdev_do_alloc_pcpu_stats()
	Index     Exit = "E6"   // dev_index_reserve(), before 6.6 __dev_get_by_index()
	PostInit  Exit = "E7"   // NETDEV_POST_INIT vetoed
	Kobject   Exit = "E8"   // netdev_register_kobject(): device_add()
	Queues    Exit = "E8b"  // netdev_register_kobject(): register_queue_kobjects()
	Register  Exit = "E9"   // NETDEV_REGISTER vetoed
	Late      Exit = "late" // registered, then refused by a later step
)

// AllExits are the exits at which a registration can be refused, in the order of
// the kernel's code.
var AllExits = []Exit{Before, Killed, Ethtool, Name, NameNode, NdoInit, BuggyVLAN, PcpuStats,
	Index, PostInit, Kobject, Queues, Register, Late}

// A Return is how one call of register_netdevice() ended.
type Return struct {
	Device uint64 // address of the struct net_device
	Exit   Exit
	Errno  unix.Errno // 0 for OK
	Init   bool       // the kind's ndo_init was seen to return
}

// PastInit reports whether the registration got past ndo_init, which a trace
// that has a probe on it must then show.
func (r Return) PastInit() bool {
	return !slices.Contains([]Exit{Killed, Ethtool, Name, NameNode, NdoInit}, r.Exit)
}

// call is a call of register_netdevice() that has not returned yet.
type call struct {
	device  uint64
	initRan bool
	added   bool  // device_add() succeeded
	exit    Exit  // the step that failed, once one did
	notify  []int // events of the notifier chains entered and not left
}

// Exits returns how the calls of register_netdevice() in the record ended, in
// the order in which they returned; a call of register_netdev() that did not get
// as far is one too. Unless the kind's ndo_init is probed ([Init]), its failure
// for want of memory cannot be told from [NameNode].
func Exits(events []Event) []Return {
	var r registration
	for _, e := range events {
		switch e.Name {
		case eventNetdev:
			r.waiting = uint64(e.Args["dev"])
		case eventNetdevRet:
			if r.waiting != 0 {
				r.returns = append(r.returns, Return{Device: r.waiting, Exit: Killed, Errno: unix.Errno(-e.Args["ret"])})
			}
			r.waiting = 0
		case eventRegister:
			r.waiting = 0
			r.calls = append(r.calls, &call{device: uint64(e.Args["dev"])})
		default:
			r.step(e)
		}
	}
	return r.returns
}

// registration is what [Exits] has read so far.
type registration struct {
	waiting uint64  // device for which register_netdev() waits for the lock
	calls   []*call // not returned yet, the innermost last
	returns []Return
}

func (r *registration) step(e Event) {
	if len(r.calls) == 0 {
		return
	}
	c := r.calls[len(r.calls)-1]
	if e.Name != eventRegisterRet {
		c.step(e)
		return
	}
	r.calls = r.calls[:len(r.calls)-1]
	r.returns = append(r.returns, c.end(unix.Errno(-e.Args["ret"])))
}

// step notes one event inside the call.
func (c *call) step(e Event) {
	failed := e.Args["ret"] < 0
	switch e.Name {
	case eventNotify:
		c.notify = append(c.notify, int(e.Args["val"]))
		return
	case eventNotifyRet:
		c.leaveNotify(e.Args["ret"])
		return
	case eventIndexRet:
		c.fail(Index, failed)
	case eventOpsRet:
		c.fail(Ethtool, failed)
	case eventAddRet:
		c.added = !failed
	case eventKobjectRet:
		if c.added {
			c.fail(Queues, failed)
		} else {
			c.fail(Kobject, failed)
		}
	}
	if strings.HasPrefix(e.Name, eventInitRet) {
		c.initRan = true
		c.fail(NdoInit, e.Args["ret"] != 0) // a positive value is an error too: -EIO
	}
}

func (c *call) leaveNotify(ret int64) {
	if len(c.notify) == 0 {
		return
	}
	event := c.notify[len(c.notify)-1]
	c.notify = c.notify[:len(c.notify)-1]
	switch event {
	case netdevPostInit:
		c.fail(PostInit, ret&notifyStop != 0)
	case netdevRegister:
		c.fail(Register, ret&notifyStop != 0)
	}
}

// fail notes the first step that failed; what fails later is the unwinding.
func (c *call) fail(exit Exit, failed bool) {
	if failed && c.exit == "" {
		c.exit = exit
	}
}

// end tells the exit once the call returned. Steps without a probe of their own
// are told apart by the errno: dev_get_valid_name() gives -EINVAL, -EEXIST or
// -ENFILE for a name without a pattern, netdev_name_node_head_alloc() -ENOMEM,
// and before 6.6 a busy index -EBUSY.
func (c *call) end(errno unix.Errno) Return {
	r := Return{Device: c.device, Exit: c.exit, Errno: errno, Init: c.initRan}
	switch {
	case errno == 0:
		r.Exit = OK
	case r.Exit != "":
	case errno == unix.EBUSY:
		r.Exit = Index
	case c.initRan && errno == unix.EINVAL:
		r.Exit = BuggyVLAN
	case c.initRan:
		r.Exit = PcpuStats
	case errno == unix.ENOMEM:
		r.Exit = NameNode
	default:
		r.Exit = Name
	}
	return r
}
