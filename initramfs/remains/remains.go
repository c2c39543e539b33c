// Package remains compares what user space sees of the kernel's devices before
// and after a case: links, sysfs, procfs, debugfs, kernel threads, modules in
// use and network namespaces. It sees what kmemleak cannot: objects that are
// still on a list.
package remains

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"netdev.test/teardown/initramfs/rtnl"
)

// places are the folders whose entries come and go with devices, with what an
// entry there is. A folder that the kernel does not have is passed over.
var places = []struct{ dir, what string }{
	{"/sys/class/net", "sysfs class entry"},
	{"/sys/devices/virtual/net", "sysfs device"},
	{"/proc/sys/net/ipv4/conf", "IPv4 configuration (inetdev_init)"},
	{"/proc/sys/net/ipv6/conf", "IPv6 configuration (ipv6_add_dev)"},
	{"/proc/sys/net/ipv4/neigh", "ARP parameters (neigh_parms_alloc)"},
	{"/proc/sys/net/ipv6/neigh", "ND parameters (neigh_parms_alloc)"},
	{"/proc/net/dev_snmp6", "IPv6 statistics (snmp6_register_dev)"},
	{"/proc/net/bonding", "bond in procfs (bond_create_proc_entry)"},
	{"/sys/kernel/debug/bonding", "bond in debugfs (bond_debug_register)"},
	{"/sys/kernel/debug/netdevsim", "simulated device in debugfs (nsim_dev_debugfs_init)"},
	{"/sys/kernel/debug/caif_serial", caifThing},
	{"/sys/kernel/debug/ref_tracker", trackerThing},
}

// A Snapshot is what is there at one moment: for each thing, how many.
type Snapshot map[Thing]int

// A Thing is something that a device leaves behind unless it is torn down.
type Thing struct {
	What string // sort of thing
	Name string
}

// A Viewer takes snapshots.
type Viewer struct {
	conn    *rtnl.Conn
	threads map[int]string // by PID, what is counted of it: a kernel thread's name, or nothing
}

// NewViewer returns a viewer that sees the links of conn's namespace, and the
// files of its caller's.
func NewViewer(conn *rtnl.Conn) *Viewer { return &Viewer{conn: conn, threads: map[int]string{}} }

// Take looks at everything.
func (v *Viewer) Take() (Snapshot, error) {
	s := Snapshot{}
	for _, look := range []func() error{
		func() error { return s.links(v.conn) },
		s.files,
		func() error { return v.countThreads(s) },
		s.modules,
		s.namespaces,
	} {
		if err := look(); err != nil {
			return nil, fmt.Errorf("look at what is there: %w", err)
		}
	}
	return s, nil
}

func (s Snapshot) add(what, name string, n int) { s[Thing{what, name}] += n }

// Sorts of things that are named more than once.
const (
	kernelThreadThing = "kernel thread"
	namespaceThing    = "network namespace"
	caifThing         = "CAIF terminal in debugfs (debugfs_init)"
	trackerThing      = "reference tracker (ref_tracker_dir_init)"
)

// link is the sort of thing that explains most of the others: a device that is
// still registered has all of them.
const link = "link"

// rank puts first what says most.
func rank(c Change) int {
	if c.What == link {
		return 0
	}
	return 1
}

func (s Snapshot) links(conn *rtnl.Conn) error {
	links, err := conn.Links(rtnl.SkipStats)
	if err != nil {
		return err
	}
	for _, l := range links {
		s.add(link, l.Name, 1)
	}
	return nil
}

func (s Snapshot) files() error {
	for _, p := range places {
		names, err := entries(p.dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if p.what == trackerThing {
				name = trackerName.ReplaceAllString(name, "@")
			}
			s.add(p.what, p.dir+"/"+name, 1)
		}
	}
	return nil
}

// entries are the names in dir, in no order.
func entries(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// trackerName matches the address in a ref_tracker file's name, which differs
// with each device (ref_tracker_dir_debugfs() in lib/ref_tracker.c).
var trackerName = regexp.MustCompile(`@[0-9a-fx]+`)

// poolWorker matches the kernel threads that come and go by themselves: the
// workers of a workqueue's pool. A rescuer (kworker/R-bond0) is not one of them.
var poolWorker = regexp.MustCompile(`^kworker/(u?\d+:\d+|dying)`)

// unnamed is what a kernel thread is called until its creator has named it
// (__kthread_create_on_node() in kernel/kthread.c).
const unnamed = "kthreadd"

// countThreads counts kernel threads by name. They are the children of kthreadd,
// which has process number 2. A thread that was met before is not read again:
// there are a hundred, and reading them is what a snapshot would spend its time
// with.
func (v *Viewer) countThreads(s Snapshot) error {
	names, err := entries("/proc")
	if err != nil {
		return err
	}
	alive := make(map[int]string, len(v.threads))
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil {
			continue
		}
		name, met := v.threads[pid]
		if !met {
			if name, met = threadName(pid); !met {
				continue // it ended meanwhile
			}
		}
		if name != unnamed {
			alive[pid] = name
		}
		if name != "" {
			s.add(kernelThreadThing, name, 1)
		}
	}
	v.threads = alive
	return nil
}

// threadName returns the name of a kernel thread that does not come and go by
// itself, and nothing for any other process.
func threadName(pid int) (name string, ok bool) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", false
	}
	name, kernel := kernelThread(stat)
	if !kernel || poolWorker.MatchString(name) {
		return "", true
	}
	return name, true
}

// kernelThread reads "2041 (name) S 2 …" of /proc/PID/stat.
func kernelThread(stat []byte) (name string, ok bool) {
	open, shut := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || shut < open {
		return "", false
	}
	fields := strings.Fields(string(stat[shut+1:]))
	return string(stat[open+1 : shut]), len(fields) > 1 && fields[1] == "2"
}

// modules counts who uses each module: a device that is gone must not hold its
// driver.
func (s Snapshot) modules() error {
	text, err := os.ReadFile("/proc/modules")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		// name size users …
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return fmt.Errorf("malformed line in /proc/modules: %q", line)
		}
		users, err := strconv.Atoi(fields[2])
		if err != nil {
			return fmt.Errorf("malformed line in /proc/modules: %q", line)
		}
		s.add("module loaded", fields[0], 1)
		s.add("user of module", fields[0], users)
	}
	return nil
}

// namespaceObjects counts the objects of slab cache net_namespace in use. The
// count is exact only with debugging on for this cache (slub_debug=F,net_namespace
// on the kernel's command line), because then no cpu keeps a slab for itself.
const namespaceObjects = "/sys/kernel/slab/net_namespace/objects"

// shrinkNamespaces empties the cache of what is free.
const shrinkNamespaces = "/sys/kernel/slab/net_namespace/shrink"

// EmptyQuarantine gives back the dead network namespaces that KASAN keeps in its
// quarantine, and that count as in use (kasan_cache_shrink() in
// mm/kasan/quarantine.c). It takes a while.
func EmptyQuarantine() error {
	if err := os.WriteFile(shrinkNamespaces, []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("empty KASAN's quarantine: %w", err)
	}
	return nil
}

// CountNamespaces returns the number of network namespaces besides the initial one,
// with those in KASAN's quarantine; fs.ErrNotExist where the kernel does not tell.
func CountNamespaces() (int, error) {
	text, err := os.ReadFile(namespaceObjects)
	if err != nil {
		return 0, err
	}
	// "3" or "3 N0=3"
	count, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	n, err := strconv.Atoi(count)
	if err != nil {
		return 0, fmt.Errorf("malformed %s: %q", namespaceObjects, text)
	}
	return n, nil
}

func (s Snapshot) namespaces() error {
	n, err := CountNamespaces()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s.SetNamespaces(n)
	return err
}

// namespaces is what the network namespaces are counted as.
var namespaces = Thing{namespaceThing, "net_namespace"}

// Namespaces and SetNamespaces are the number of network namespaces in the snapshot.
func (s Snapshot) Namespaces() int     { return s[namespaces] }
func (s Snapshot) SetNamespaces(n int) { s[namespaces] = n }

// OnlyNamespaces reports whether the number of network namespaces is all that
// changed.
func OnlyNamespaces(changes []Change) bool {
	return len(changes) == 1 && changes[0].What == namespaceThing
}

// A Change is a thing whose number is not what it was.
type Change struct {
	Thing
	Before, After int
}

// Title says in words that do not depend on how often it happened what changed.
func (c Change) Title() string {
	verb := "left behind"
	if c.After < c.Before {
		verb = "vanished"
	}
	return fmt.Sprintf("%s: %s %s", verb, c.What, c.Name)
}

func (c Change) String() string {
	return fmt.Sprintf("%s (%d before, %d after)", c.Title(), c.Before, c.After)
}

// harmless are the things whose staying keeps nobody from creating the same
// devices again.
var harmless = []string{kernelThreadThing, namespaceThing, trackerThing, caifThing}

// InTheWay reports whether the change may make a later case fail for want of a
// name, an ifindex or a module that can be unloaded.
func (c Change) InTheWay() bool { return !slices.Contains(harmless, c.What) }

// Diff returns what changed since before, what says most first.
func (s Snapshot) Diff(before Snapshot) []Change {
	things := map[Thing]bool{}
	for t := range maps.Keys(before) {
		things[t] = true
	}
	for t := range maps.Keys(s) {
		things[t] = true
	}
	var changes []Change
	for t := range things {
		if before[t] != s[t] {
			changes = append(changes, Change{t, before[t], s[t]})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			strings.Compare(a.What, b.What),
			strings.Compare(a.Name, b.Name))
	})
	return changes
}
