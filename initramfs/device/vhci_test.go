package device

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unspaced is what hexadecimal digits say.
func unspaced(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestController has the controller and the remote device answer packets, whose bytes
// are spelled out as the kernel writes them.
func TestController(t *testing.T) {
	for _, tt := range []struct {
		name, packet string
		features     byte
		want         []string
	}{
		{name: "made", packet: "ff 00 0300"},
		{name: "reset", packet: "01 030c 00", want: []string{"04 0e 04 01 030c 00"}},
		{name: "address", packet: "01 0910 00", want: []string{"04 0e 0a 01 0910 00 010000000002"}},
		{name: "features", packet: "01 0310 00", want: []string{"04 0e 0c 01 0310 00 0000000000000000"}},
		{name: "features of Low Energy", packet: "01 0310 00", features: hciLEOnly, want: []string{"04 0e 0c 01 0310 00 0000000060000000"}},
		{name: "buffers", packet: "01 0510 00", want: []string{"04 0e 0b 01 0510 00 0008 00 0800 0000"}},
		{
			name:   "connection",
			packet: "01 0504 0d 020000000002 18cc 02 00 0000 01",
			want:   []string{"04 0f 04 00 01 0504", "04 03 0b 00 0100 020000000002 01 00"},
		},
		{name: "end of the connection", packet: "01 0604 03 0100 13", want: []string{"04 0f 04 00 01 0604", "04 05 04 00 0100 16"}},
		{
			name:   "scan",
			packet: "01 0c20 02 01 01",
			want:   []string{"04 0e 04 01 0c20 00", "04 3e 0c 02 01 00 00 020000000002 00 00"},
		},
		{name: "end of the scan", packet: "01 0c20 02 00 00", want: []string{"04 0e 04 01 0c20 00"}},
		{
			name:   "information",
			packet: "02 0120 0a00 0600 0100 0a 01 0200 0200",
			want:   []string{"04 13 05 01 0100 0100", "02 0120 0c00 0800 0100 0b 01 0400 0200 0100"},
		},
		{
			name:   "channel",
			packet: "02 0120 0c00 0800 0100 02 02 0400 0f00 4000",
			want: []string{
				"04 13 05 01 0100 0100",
				"02 0120 1000 0c00 0100 03 02 0800 4000 4000 0000 0000",
				"02 0120 0c00 0800 0100 04 02 0400 4000 0000",
			},
		},
		{
			name:   "configuration",
			packet: "02 0120 1000 0c00 0100 04 03 0800 4000 0000 01029b06",
			want:   []string{"04 13 05 01 0100 0100", "02 0120 0e00 0a00 0100 05 03 0600 4000 0000 0000"},
		},
		{
			name:   "end of the channel",
			packet: "02 0100 0c00 0800 0100 06 04 0400 4000 4000",
			want:   []string{"04 13 05 01 0100 0100", "02 0120 0c00 0800 0100 07 04 0400 4000 4000"},
		},
		{
			name:   "channel of Low Energy",
			packet: "02 0100 1200 0e00 0500 14 01 0a00 2300 4000 0005 f700 0600",
			want:   []string{"04 13 05 01 0100 0100", "02 0120 1200 0e00 0500 15 01 0a00 4000 0005 f700 0600 0000"},
		},
		{name: "echo", packet: "02 0100 0500 0100 0400 ff", want: []string{"04 13 05 01 0100 0100", "02 0120 0500 0100 0400 ff"}},
		{name: "data", packet: "02 0100 0600 0200 4000 0102", want: []string{"04 13 05 01 0100 0100"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parseHCI(unspaced(t, tt.packet))
			if err != nil {
				t.Fatal(err)
			}
			c := &vhci{}
			c.features[hciLEOnlyByte] = tt.features
			got, err := c.answer(p)
			if err != nil {
				t.Fatal(err)
			}
			var want [][]byte
			for _, w := range tt.want {
				want = append(want, unspaced(t, w))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer() (-want +got):\n%s", diff)
			}
		})
	}
}

// malformed are packets that the kernel does not send.
var malformed = map[string]string{
	"nothing":                "",
	"unknown type":           "03 0000 00",
	"short command":          "01 0c20 02 01",
	"data without a length":  "02 0100 00",
	"short data":             "02 0100 0500 0100 0400",
	"frame without channel":  "02 0100 0200 0000",
	"short frame":            "02 0100 0500 0200 4000 01",
	"short signal":           "02 0100 0500 0100 0100 02",
	"signal without content": "02 0100 0800 0400 0100 02 02 0000",
}

func TestMalformed(t *testing.T) {
	for name, packet := range malformed {
		p, err := parseHCI(unspaced(t, packet))
		if err == nil {
			_, err = new(vhci).answer(p)
		}
		if !errors.Is(err, errHCI) && !errors.Is(err, errL2CAP) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzController has the controller answer whatever comes. It must answer in packets
// that say how long they are.
func FuzzController(f *testing.F) {
	for _, packet := range malformed {
		f.Add(unspaced(f, packet))
	}
	f.Add(unspaced(f, "01 0504 0d 020000000002 18cc 02 00 0000 01"))
	f.Add(unspaced(f, "02 0120 0c00 0800 0100 02 02 0400 0f00 4000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseHCI(b)
		if err != nil {
			return
		}
		replies, _ := new(vhci).answer(p)
		for _, r := range replies {
			if r[0] == hciEvent && int(r[2]) != len(r)-3 {
				t.Errorf("event % x", r)
			}
			if r[0] == hciACLData && int(r[3])|int(r[4])<<8 != len(r)-5 {
				t.Errorf("data % x", r)
			}
		}
	})
}
