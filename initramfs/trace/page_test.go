package trace

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/kallsyms"
)

// page builds a page of the trace buffer.
type page struct{ b []byte }

func newPage(ns uint64) *page {
	return &page{binary.NativeEndian.AppendUint64(nil, ns)[:8:8]}
}

func (p *page) words(words ...uint32) *page {
	for _, w := range words {
		p.b = binary.NativeEndian.AppendUint32(p.b, w)
	}
	return p
}

// add appends a record with its data, delta ns after the one before.
func (p *page) add(delta uint32, data []byte) *page {
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	p.words(delta<<5 | uint32(len(data)/4))
	p.b = append(p.b, data...)
	return p
}

// bytes ends the page: flags and the number of bytes come second.
func (p *page) bytes(flags uint64) []byte {
	size := uint64(len(p.b) - 8)
	all := append([]byte{}, p.b[:8]...)
	all = binary.NativeEndian.AppendUint64(all, size|flags)
	return append(all, p.b[8:]...)
}

type stamped struct {
	NS   uint64
	Data string
}

func TestRecords(t *testing.T) {
	long := make([]byte, 120)
	long[0] = 'l'
	withLong := newPage(1000).words(2<<5, uint32(len(long)+4))
	withLong.b = append(withLong.b, long...)
	for _, tt := range []struct {
		name string
		page []byte
		want []stamped
		err  error
	}{
		{"none", newPage(5).bytes(0), nil, nil},
		{"two", newPage(1000).add(7, []byte("abcd")).add(3, []byte("efgh")).bytes(0), []stamped{{1007, "abcd"}, {1010, "efgh"}}, nil},
		{"time extend", newPage(1000).words(1<<5|typeTimeExtend, 2).add(0, []byte("abcd")).bytes(0), []stamped{{1001 + 2<<27, "abcd"}}, nil},
		{"time stamp", newPage(3<<59|1000).words(9<<5|typeTimeStamp, 1).add(1, []byte("abcd")).bytes(0), []stamped{{3<<59 | 1<<27 + 10, "abcd"}}, nil},
		{"discarded", newPage(1000).words(4<<5|typePadding, 8, 0).add(1, []byte("abcd")).bytes(0), []stamped{{1005, "abcd"}}, nil},
		{"empty rest", newPage(1000).add(1, []byte("abcd")).words(typePadding, 0, 0, 0).bytes(0), []stamped{{1001, "abcd"}}, nil},
		{"long", withLong.bytes(0), []stamped{{1002, string(long)}}, nil},
		{"lost", newPage(1000).add(1, []byte("abcd")).bytes(pageMissed), []stamped{{1001, "abcd"}}, ErrLost},
		{"short page", []byte("x"), nil, ErrMalformed},
		{"more than there is", newPage(1).bytes(512), nil, ErrMalformed},
		{"cut", newPage(1).words(5).bytes(0), nil, ErrMalformed},
		{"no length", newPage(1).words(0, 1).bytes(0), nil, ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []stamped
			err := records(tt.page, func(ns uint64, record []byte) error {
				got = append(got, stamped{ns, string(record)})
				return nil
			})
			if !errors.Is(err, tt.err) {
				t.Errorf("records() error = %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("records differ (-want +got):\n%s", diff)
			}
		})
	}
}

// formatText is the layout of a probe, as 6.12 writes it.
const formatText = `name: notify
ID: 1402
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:unsigned long __probe_ip;	offset:8;	size:8;	signed:0;
	field:s32 ret;	offset:16;	size:4;	signed:1;
	field:u8 state;	offset:20;	size:1;	signed:0;
	field:u64 dev;	offset:21;	size:8;	signed:0;
	field:__data_loc char[] name;	offset:29;	size:4;	signed:1;

print fmt: "(%lx) ret=%d state=%u dev=0x%Lx", REC->__probe_ip, REC->ret, REC->state, REC->dev
`

func TestParseFormat(t *testing.T) {
	f, err := parseFormat(formatText)
	if err != nil {
		t.Fatal(err)
	}
	want := format{event: "notify", id: 1402, fields: []field{{"ret", 16, 4, true}, {"state", 20, 1, false}, {"dev", 21, 8, false}}}
	if diff := cmp.Diff(want, f, cmp.AllowUnexported(format{}, field{})); diff != "" {
		t.Errorf("format differs (-want +got):\n%s", diff)
	}
	for _, text := range []string{"", "name: x\n", "name: x\nID: many\n"} {
		if _, err := parseFormat(text); !errors.Is(err, ErrMalformed) {
			t.Errorf("parseFormat(%q) error = %v", text, err)
		}
	}
}

// record makes a record of formatText.
func record(id uint16, pid uint32, ret int32, state uint8, dev uint64) []byte {
	b := binary.NativeEndian.AppendUint16(nil, id)
	b = append(b, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, pid)
	b = binary.NativeEndian.AppendUint64(b, 0)
	b = binary.NativeEndian.AppendUint32(b, uint32(ret))
	return binary.NativeEndian.AppendUint64(append(b, state), dev)
}

// stack makes a recorded stack.
func stack(id uint16, pid uint32, frames ...uint64) []byte {
	b := binary.NativeEndian.AppendUint16(nil, id)
	b = append(b, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, pid)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(frames)))
	b = append(b, 0, 0, 0, 0)
	for _, f := range frames {
		b = binary.NativeEndian.AppendUint64(b, f)
	}
	return b
}

const testStack = 7

func testDecoder(t testing.TB) *decoder {
	f, err := parseFormat(formatText)
	if err != nil {
		t.Fatal(err)
	}
	table := kallsyms.Table("ffffffff81000000 T alloc_netdev_mqs\nffffffff81000100 t kprobe_trace_func\nffffffff81000200 t veth_newlink\n")
	return &decoder{
		formats: map[uint16]format{f.id: f}, stacked: map[string]bool{f.event: true}, stack: testStack,
		frames: kallsyms.NewIndexOf(table), stacks: map[string]Event{},
	}
}

func TestDecoder(t *testing.T) {
	d := testDecoder(t)
	for _, r := range []struct {
		ns   uint64
		data []byte
	}{
		{5000, record(1402, 81, -22, 3, 0xffff88801fb64800)},
		{6000, record(1402, 82, 0, 1, 16)},
		{6001, record(9, 82, 0, 1, 16)}, // of nobody's
		{7000, stack(testStack, 81, 0xffffffff81000104, 0xffffffff81000010, 0xffffffff81000222)},
		{7001, stack(testStack, 99, 0xffffffff81000104)},
		{8000, record(1402, 81, -22, 3, 16)},
		{8001, stack(testStack, 81, 0xffffffff81000104, 0xffffffff81000010, 0xffffffff81000222)}, // known by now
	} {
		if err := d.record(r.ns, r.data); err != nil {
			t.Fatal(err)
		}
	}
	want := []Event{
		{PID: 81, Time: 5 * time.Microsecond, Name: "notify", Args: map[string]int64{"ret": -22, "state": 3, "dev": -0x777fe049b800},
			Stack: []string{"alloc_netdev_mqs", "veth_newlink"}, Frames: []string{"alloc_netdev_mqs+0x10", "veth_newlink+0x22"}},
		{PID: 82, Time: 6 * time.Microsecond, Name: "notify", Args: map[string]int64{"ret": 0, "state": 1, "dev": 16}},
		{PID: 81, Time: 8 * time.Microsecond, Name: "notify", Args: map[string]int64{"ret": -22, "state": 3, "dev": 16},
			Stack: []string{"alloc_netdev_mqs", "veth_newlink"}, Frames: []string{"alloc_netdev_mqs+0x10", "veth_newlink+0x22"}},
	}
	if diff := cmp.Diff(want, d.events); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	for _, short := range [][]byte{{1}, record(1402, 1, 0, 0, 0)[:20], stack(testStack, 1)[:12]} {
		if err := d.record(1, short); !errors.Is(err, ErrMalformed) {
			t.Errorf("record(%v) error = %v, want %v", short, err, ErrMalformed)
		}
	}
}

func TestTasks(t *testing.T) {
	got := tasks("81 td1.0\n2 k thread\nnonsense\n")
	if diff := cmp.Diff(map[int]string{81: "td1.0", 2: "k thread"}, got); diff != "" {
		t.Errorf("tasks differ (-want +got):\n%s", diff)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(newPage(1).add(1, record(1402, 1, 2, 3, 4)).add(2, stack(testStack, 1, 0xffffffff81000010)).bytes(0))
	f.Add(newPage(1).words(1<<5|typeTimeExtend, 2, 3<<5|typePadding, 8, 0).bytes(pageMissed | pageStored))
	f.Add(newPage(1).words(0, 8, 1).bytes(0))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := testDecoder(t)
		_ = records(b, d.record)
		Exits(d.events)
	})
}

func FuzzParseFormat(f *testing.F) {
	f.Add(formatText, record(1402, 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, text string, b []byte) {
		if x, err := parseFormat(text); err == nil {
			_, _ = x.args(b)
		}
	})
}

// BenchmarkRecords measures the decoding of a page full of events.
func BenchmarkRecords(b *testing.B) {
	p := newPage(1)
	for len(p.b) < 4000 {
		p.add(1, record(1402, 1, 2, 3, 4))
	}
	text := p.bytes(0)
	d := testDecoder(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		d.begin()
		if err := records(text, d.record); err != nil || len(d.events) < 50 {
			b.Fatal(len(d.events), err)
		}
	}
}
