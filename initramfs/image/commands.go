package image

import "path"

// uroot holds the commands of u-root that go into the image, enough to look around in a
// guest by hand.
var uroot = []string{
	"cat", "cp", "dmesg", "echo", "find", "free", "gosh", "grep", "head", "insmod", "ip", "kill",
	"ls", "lsmod", "mkdir", "mount", "ps", "rm", "rmmod", "sleep", "tail", "umount", "uname", "unshare",
}

// supervisor is the command that the kernel starts.
const supervisor = goModule + "/initramfs/cmd/init"

// commands are the import paths of everything in the busybox.
func commands() []string {
	paths := []string{supervisor}
	for _, name := range uroot {
		paths = append(paths, path.Join("github.com/u-root/u-root/cmds/core", name))
	}
	return paths
}
