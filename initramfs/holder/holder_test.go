package holder

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestHolders checks that the table's entries are whole.
func TestHolders(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range Holders {
		if h.Name == "" || seen[h.Name] || h.LetsGo == "" || h.Take == nil {
			t.Errorf("holder %q is not whole", h.Name)
		}
		if (h.Config == "") != (len(h.Lacking) == 0) {
			t.Errorf("holder %q: what it needs does not go with how that is seen to be lacking", h.Name)
		}
		seen[h.Name] = true
	}
}

func TestFits(t *testing.T) {
	all, one := Holder{}, Holder{Kinds: []string{"bond"}}
	if !all.Fits("veth") || !one.Fits("bond") || one.Fits("veth") {
		t.Errorf("Fits() = %v, %v, %v, want true, true, false", all.Fits("veth"), one.Fits("bond"), one.Fits("veth"))
	}
}

func TestHold(t *testing.T) {
	var closed []int
	held := &Held{}
	for n := range 2 {
		held.onClose(func() error { closed = append(closed, n); return nil })
	}
	take := func(held *Held, err error) func(Target) (*Held, error) {
		return func(Target) (*Held, error) { return held, err }
	}
	tests := []struct {
		name   string
		take   func(Target) (*Held, error)
		absent bool
		errno  unix.Errno
	}{
		{"held", take(held, nil), false, 0},
		{"absent", take(nil, unix.ENOENT), true, unix.ENOENT},
		{"refused", take(nil, unix.EPERM), false, unix.EPERM},
	}
	for _, test := range tests {
		got, err := Holder{Name: test.name, Lacking: []unix.Errno{unix.ENOENT}, Take: test.take}.Hold(Target{Name: "td0"})
		if errors.Is(err, ErrAbsent) != test.absent || (err == nil) != (test.errno == 0) || test.errno != 0 && !errors.Is(err, test.errno) {
			t.Errorf("%s: Hold() = %v, %v", test.name, got, err)
		}
	}
	for range 2 {
		if err := held.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(closed) != 2 || closed[0] != 1 {
		t.Errorf("closed %v, want each once, the last first", closed)
	}
}

// message is a netlink message.
func message(typ uint16, body ...byte) []byte {
	m := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(body))
	binary.NativeEndian.PutUint32(m, uint32(unix.NLMSG_HDRLEN+len(body)))
	binary.NativeEndian.PutUint16(m[4:], typ)
	return append(m, body...)
}

func refusal(errno unix.Errno) []byte {
	var code [4]byte
	binary.NativeEndian.PutUint32(code[:], uint32(-int32(errno)))
	return message(unix.NLMSG_ERROR, code[:]...)
}

func TestLast(t *testing.T) {
	link := message(unix.RTM_NEWLINK, 1, 2, 3, 4)
	tests := []struct {
		name  string
		b     []byte
		over  bool
		errno unix.Errno
	}{
		{"middle", link, false, 0},
		{"end", append(link, message(unix.NLMSG_DONE, 0, 0, 0, 0)...), true, 0},
		{"refused", refusal(unix.EBUSY), true, unix.EBUSY},
	}
	for _, test := range tests {
		over, err := last(test.b)
		var errno unix.Errno
		errors.As(err, &errno)
		if over != test.over || errno != test.errno {
			t.Errorf("%s: last() = %v, %v, want %v, %v", test.name, over, err, test.over, test.errno)
		}
	}
	if over, err := last(link[:unix.NLMSG_HDRLEN]); !over || err == nil {
		t.Error("last() took a message that was cut off")
	}
}

func FuzzLast(f *testing.F) {
	f.Add(message(unix.NLMSG_DONE))
	f.Add(refusal(unix.EBUSY))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = last(b) })
}
