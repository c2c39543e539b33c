package device

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestSizes compares the arguments of old requests with the kernel's structures.
func TestSizes(t *testing.T) {
	for name, size := range map[string]struct{ got, want int }{
		"struct ip_tunnel_parm":    {binary.Size(tunnelParm{}), 52},
		"struct ip6_tnl_parm2":     {binary.Size(tunnel6Parm{}), 76},
		"struct vifctl":            {binary.Size(vifctl{}), 16},
		"struct mif6ctl":           {binary.Size(mif6ctl{}), 12},
		"struct vlan_ioctl_args":   {int(unsafe.Sizeof(vlanArgs{})), 56},
		"struct atm_newif_br2684":  {int(unsafe.Sizeof(newifBR2684{})), 28},
		"struct ifreq":             {int(unsafe.Sizeof(ifreqData{})), 40},
		"vlan_ioctl_args.vlan_qos": {int(unsafe.Offsetof(vlanArgs{}.qos)), 52},
	} {
		if size.got != size.want {
			t.Errorf("%s: %d, want %d", name, size.got, size.want)
		}
	}
}

func TestIfname(t *testing.T) {
	for name, want := range map[string]string{
		"td0":                   "td0",
		"bonding_masters":       "bonding_masters",
		strings.Repeat("x", 40): strings.Repeat("x", unix.IFNAMSIZ-1),
	} {
		got := ifname(name)
		if unix.ByteSliceToString(got[:]) != want || got[len(got)-1] != 0 {
			t.Errorf("ifname(%q) = %q, want %q and its zero", name, got, want)
		}
	}
}

// TestTunnelOp checks that an operation asks for the same each time, whatever the
// kernel wrote.
func TestTunnelOp(t *testing.T) {
	e := &Env{}
	defer e.Close()
	for _, w := range []Way{ipipIoctl, ip6greIoctl} {
		made, err := w.New(e, Device{Name: "td0"})
		if err != nil {
			t.Fatal(err)
		}
		op := made.(tunnelOp)
		for range 2 {
			if err := op.Prepare(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(op.parm, op.shared) || !bytes.HasPrefix(op.shared, []byte("td0\x00")) {
				t.Fatalf("parameters are %q", op.shared)
			}
			clear(op.shared)
		}
	}
}

// TestSystemCalls checks that operations hand errnos on as they are.
func TestSystemCalls(t *testing.T) {
	for name, test := range map[string]struct {
		op   Op
		want unix.Errno
	}{
		"ioctl":      {ioctlOp{fd: -1}, unix.EBADF},
		"setsockopt": {sockoptOp{fd: -1, value: []byte{0}}, unix.EBADF},
	} {
		err := test.op.Do()
		if test.op.Result(err) != err || err != error(test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestUnloadName(t *testing.T) {
	if got := string(unload("netdev-x").name); got != "netdev_x\x00" {
		t.Errorf("the module's name is %q", got)
	}
}

// TestFollower checks that a lower device which went up alone is a refusal.
func TestFollower(t *testing.T) {
	up := settled{}
	for name, want := range map[string]error{"lo": nil, "td-absent": unix.ENODEV} {
		op := followerOp{lower{up: up}, name}
		if err := op.Result(op.Do()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	op := followerOp{lower{up: settled{unix.ENOMEM}}, "lo"}
	if err := op.Result(op.Do()); err != error(unix.ENOMEM) {
		t.Errorf("of a refused request: %v", err)
	}
}

// settled is an operation whose result is known.
type settled struct{ err error }

func (s settled) Do() error              { return s.err }
func (s settled) Result(err error) error { return err }
