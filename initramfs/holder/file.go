package holder

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// missing is what open(2) says of a file that the kernel does not have.
var missing = []unix.Errno{unix.ENOENT}

// files are files of the device that are open while it goes. What reads them has
// to wait for readers, and to keep later ones out.
var files = []Holder{
	{Name: "proc-sys-ipv4", Config: "CONFIG_SYSCTL", Lacking: missing, LetsGo: "start_unregistering() in fs/proc/proc_sysctl.c",
		Take: file("/proc/sys/net/ipv4/conf/NAME/forwarding", unix.ENOENT)},
	{Name: "proc-sys-ipv6", Config: "CONFIG_IPV6", Lacking: missing, LetsGo: "start_unregistering() in fs/proc/proc_sysctl.c",
		Take: file("/proc/sys/net/ipv6/neigh/NAME/gc_stale_time", unix.ENOENT)},
	{Name: "proc-sys-folder", Config: "CONFIG_SYSCTL", Lacking: missing, LetsGo: "start_unregistering() in fs/proc/proc_sysctl.c",
		Take: folder("/proc/sys/net/ipv4/conf/NAME", "forwarding")},
	{Name: "proc-snmp6", Config: "CONFIG_IPV6", Lacking: missing, LetsGo: "proc_entry_rundown() in fs/proc/inode.c",
		Take: file("/proc/net/dev_snmp6/NAME", unix.EIO)},
	{Name: "sysfs-attribute", Config: "CONFIG_SYSFS", Lacking: missing, LetsGo: "kernfs_drain() in fs/kernfs/dir.c",
		Take: file("/sys/class/net/NAME/mtu", unix.ENODEV)},
	{Name: "sysfs-queue", Config: "CONFIG_SYSFS", Lacking: missing, LetsGo: "kernfs_drain() in fs/kernfs/dir.c",
		Take: file("/sys/class/net/NAME/queues/tx-0/tx_timeout", unix.ENODEV)},
	{Name: "sysfs-folder", Config: "CONFIG_SYSFS", Lacking: missing, LetsGo: "kernfs_drain() in fs/kernfs/dir.c",
		Take: folder("/sys/class/net/NAME", "mtu")},
	{Name: "sysfs-bonding", Kinds: []string{"bond"}, Config: "CONFIG_SYSFS", Lacking: missing, LetsGo: "kernfs_drain() in fs/kernfs/dir.c",
		Take: file("/sys/class/net/NAME/bonding/mode", unix.ENODEV)},
	{Name: "proc-bonding", Kinds: []string{"bond"}, Config: "CONFIG_PROC_FS", Lacking: missing, LetsGo: "proc_entry_rundown() in fs/proc/inode.c",
		Take: file("/proc/net/bonding/NAME", unix.EIO)},
}

// open opens a file of the device, in whose path NAME stands for its name.
func (h *Held) open(path string, t Target, flags int) (int, error) {
	fd, err := unix.Open(filepath.Clean(strings.ReplaceAll(path, "NAME", t.Name)), flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	return h.fd(fd), nil
}

// file holds a file that was read in part.
func file(path string, want unix.Errno) func(Target) (*Held, error) {
	return func(t Target) (*Held, error) {
		h := &Held{}
		fd, err := h.open(path, t, unix.O_RDONLY)
		if err != nil {
			return nil, err
		}
		if _, err := unix.Read(fd, make([]byte, 1)); err != nil {
			return h.abandon(err)
		}
		h.After = []Use{{What: "read the file again", Want: want, Do: func() error {
			_, err := unix.Pread(fd, make([]byte, 4096), 0)
			return err
		}}}
		return h, nil
	}
}

// folder holds a folder, by which the file in it cannot be found any more.
func folder(path, inside string) func(Target) (*Held, error) {
	return func(t Target) (*Held, error) {
		h := &Held{}
		fd, err := h.open(path, t, unix.O_RDONLY|unix.O_DIRECTORY)
		if err != nil {
			return nil, err
		}
		h.After = []Use{{What: "open a file in the folder", Want: unix.ENOENT, Do: func() error {
			inner, err := unix.Openat(fd, inside, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			return unix.Close(inner)
		}}}
		return h, nil
	}
}
