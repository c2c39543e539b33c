package device

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// TestCommands checks the encoding of commands, whose bytes are spelled out: struct
// nlmsghdr, struct genlmsghdr, the family's header, attributes.
func TestCommands(t *testing.T) {
	e := &Env{made: map[string]int{ovsSwitch.Name: 9, wpanRadios.Name: 3}}
	d := Device{Name: "td0"}
	for _, tt := range []struct {
		name string
		way  Way
		want string
	}{
		{
			name: "datapath",
			way:  ovsLocal,
			want: `28000000 2a00 0500 00000000 00000000 01010000 00000000
				0800 0100 74643000
				0800 0200 00000000`,
		},
		{
			name: "tunnel port",
			way:  ovsTunnel(ovsVXLAN, 4789),
			want: `3c000000 2a00 0500 00000000 00000000 01010000 09000000
				0800 0300 74643000
				0800 0200 04000000
				0800 0500 00000000
				0c00 0480 0600 0100 b5120000`,
		},
		{
			name: "session",
			way:  l2tpEth,
			want: `3c000000 2a00 0500 00000000 00000000 05010000
				0800 0900 01000000
				0800 0b00 01000000
				0800 0c00 01000000
				0600 0100 05000000
				0800 0800 74643000`,
		},
		{
			name: "802.15.4 interface",
			way:  wpan("monitor", wpanMonitor),
			want: `2c000000 2a00 0500 00000000 00000000 07010000
				0800 0100 03000000
				0800 0400 74643000
				0800 0500 01000000`,
		},
		{
			name: "802.15.4 radio",
			way:  wpanRadio,
			want: `14000000 2a00 0500 00000000 00000000 03010000`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op, err := tt.way.New(e, d)
			if err != nil {
				t.Fatal(err)
			}
			got, err := commandOf(t, op).encode(42)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Join(strings.Fields(tt.want), ""); hex.EncodeToString(got) != want {
				t.Errorf("encoded as %x, want %s", []byte(got), want)
			}
		})
	}
}

// commandOf is the command that an operation sends.
func commandOf(t *testing.T, op Op) command {
	t.Helper()
	switch op := op.(type) {
	case *genlOp:
		return op.command
	case creatingSession:
		return op.command
	}
	t.Fatalf("%T sends no command", op)
	return command{}
}

// TestFamily sends commands to a family that every kernel has: the controller of
// generic netlink, which knows nothing of a family without name, and gives itself
// away when asked by its number.
func TestFamily(t *testing.T) {
	number := func(family uint16) command {
		return command{family: "nlctrl", number: unix.CTRL_CMD_GETFAMILY, attrs: attrs(rtnl.Uint16(unix.CTRL_ATTR_FAMILY_ID, family))}
	}
	op := generic(number(unix.GENL_ID_CTRL))
	for range 2 {
		if err := Run(op); err != nil {
			t.Errorf("ask for the controller: %v", err)
		}
	}
	if err := Run(generic(number(0))); !errors.Is(err, unix.ENOENT) {
		t.Errorf("ask for a family that is not there: %v, want %v", err, unix.ENOENT)
	}
	if _, err := familyID("no such family"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("familyID() of a family that is not there: %v, want %v", err, unix.ENOENT)
	}
}
