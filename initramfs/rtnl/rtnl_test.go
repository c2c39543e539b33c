package rtnl

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// TestRequests checks the encoding against messages as iproute2 sends them,
// whose bytes are spelled out.
func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		name   string
		encode func() (Request, error)
		want   string
	}{
		{
			name:   "new dummy",
			encode: Link{Name: "td0", Kind: "dummy", Index: 1000}.New,
			want: `38000000 1000 0504 00000000 00000000
				00000000 e8030000 00000000 00000000
				0800 0300 74643000
				1000 1280 0a00 0100 64756d6d79000000
				`,
		},
		{
			name:   "up",
			encode: Link{Index: 7, Up: true}.Set,
			want:   `20000000 1300 0500 00000000 00000000 00000000 07000000 01000000 01000000`,
		},
		{
			name:   "down",
			encode: Link{Index: 7, Down: true}.Set,
			want:   `20000000 1300 0500 00000000 00000000 00000000 07000000 00000000 01000000`,
		},
		{
			name:   "no master",
			encode: Link{Index: 7, Master: -1}.Set,
			want:   `28000000 1300 0500 00000000 00000000 00000000 07000000 00000000 00000000 0800 0a00 00000000`,
		},
		{
			name:   "delete by index leaves the rest out",
			encode: Link{Name: "td0", Kind: "dummy", Index: 7}.Delete,
			want:   `20000000 1100 0500 00000000 00000000 00000000 07000000 00000000 00000000`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.encode()
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Join(strings.Fields(tt.want), "")
			if diff := cmp.Diff(want, hex.EncodeToString(got)); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// refusal makes an NLMSG_ERROR message with an extended acknowledgement.
func refusal(t testing.TB, seq uint32, errno unix.Errno, text string) []byte {
	t.Helper()
	ae := netlink.NewAttributeEncoder()
	ae.String(nlmsgerrAttrMsg, text)
	attrs, err := ae.Encode()
	if err != nil {
		t.Fatal(err)
	}
	body := binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))
	body = append(body, make([]byte, unix.NLMSG_HDRLEN)...)
	m := netlink.Message{Header: netlink.Header{
		Length:   uint32(unix.NLMSG_HDRLEN + len(body) + len(attrs)),
		Type:     netlink.Error,
		Flags:    netlink.Capped | netlink.AcknowledgeTLVs,
		Sequence: seq,
	}, Data: append(body, attrs...)}
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAckOf(t *testing.T) {
	c := &Conn{seq: 5}
	stale := refusal(t, 4, unix.EPERM, "of another request")
	done, err := c.ackOf(append(stale, refusal(t, 5, unix.EINVAL, "because")...))
	if !done || !errors.Is(err, unix.EINVAL) {
		t.Fatalf("ackOf() = %v, %v, want EINVAL", done, err)
	}
	if got, want := err.Error(), "invalid argument: because"; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
	if done, _ := c.ackOf(stale); done {
		t.Error("ackOf() took the acknowledgement of another request")
	}
	if done, err := c.ackOf(refusal(t, 5, 0, "fine")); !done || err != nil {
		t.Errorf("ackOf() = %v, %v, want success", done, err)
	}
}

// TestLinks asks the kernel of the machine that runs the test.
func TestLinks(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	links, err := c.Links()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range links {
		names = append(names, l.Name)
	}
	entries, err := os.ReadDir("/sys/class/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "bonding_masters" && !strings.Contains(strings.Join(names, " "), e.Name()) {
			t.Errorf("Links() = %q, lacks %s", names, e.Name())
		}
	}
}

// FuzzParse feeds the decoders of what the kernel sends.
func FuzzParse(f *testing.F) {
	f.Add(refusal(f, 1, unix.EINVAL, "because"))
	link, err := Link{Name: "td0", Index: 3}.request(unix.RTM_NEWLINK, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(link))
	f.Fuzz(func(_ *testing.T, b []byte) {
		c := &Conn{seq: 1}
		_, _ = c.ackOf(b)
		_, _ = dumpEnd(b)
		parseLinks(b)
	})
}
