package trace

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// event makes an event with one argument.
func event(name, key string, value int64) Event {
	return Event{Name: name, Args: map[string]int64{key: value}}
}

func TestExits(t *testing.T) {
	enter := event(eventRegister, "dev", 1)
	leave := func(errno unix.Errno) Event { return event(eventRegisterRet, "ret", -int64(errno)) }
	notify := func(val, ret int64) []Event {
		return []Event{event(eventNotify, "val", val), event(eventNotifyRet, "ret", ret)}
	}
	initRet := func(ret int64) Event { return event(InitEvent("x"), "ret", ret) }
	for _, tt := range []struct {
		name   string
		events []Event
		want   Exit
	}{
		{"name", []Event{enter, leave(unix.EINVAL)}, Name},
		{"name node", []Event{enter, leave(unix.ENOMEM)}, NameNode},
		{"init", []Event{enter, initRet(-12), leave(unix.ENOMEM)}, NdoInit},
		{"init positive", []Event{enter, initRet(1), leave(unix.EIO)}, NdoInit},
		{"pcpu", []Event{enter, initRet(0), leave(unix.ENOMEM)}, PcpuStats},
		{"index before 6.6", []Event{enter, initRet(0), leave(unix.EBUSY)}, Index},
		{"index", []Event{enter, initRet(0), event(eventIndexRet, "ret", -12), leave(unix.ENOMEM)}, Index},
		{"post init", append(append([]Event{enter, initRet(0)}, notify(17, 0x8000|13)...), leave(unix.ENOMEM)), PostInit},
		{"ethtool", []Event{enter, event(eventOpsRet, "ret", -22), leave(unix.EINVAL)}, Ethtool},
		{"killed", []Event{event(eventNetdev, "dev", 1), event(eventNetdevRet, "ret", -4)}, Killed},
		{"not killed", []Event{event(eventNetdev, "dev", 1), enter, leave(unix.EINVAL), event(eventNetdevRet, "ret", -22)}, Name},
		{"buggy VLAN", []Event{enter, initRet(0), leave(unix.EINVAL)}, BuggyVLAN},
		{"kobject", []Event{enter, event(eventKobjectRet, "ret", -17), leave(unix.EEXIST)}, Kobject},
		{"device", []Event{enter, event(eventAddRet, "ret", -17), event(eventKobjectRet, "ret", -17), leave(unix.EEXIST)}, Kobject},
		{"queues", []Event{enter, event(eventAddRet, "ret", 0), event(eventKobjectRet, "ret", -12), leave(unix.ENOMEM)}, Queues},
		{"register", append(append([]Event{enter, event(eventKobjectRet, "ret", 0)}, notify(5, 0x8000|13)...), leave(unix.ENOMEM)), Register},
		{"nested event inside REGISTER", append(append([]Event{enter, event(eventNotify, "val", 5)}, notify(12, 0x8000|13)...),
			event(eventNotifyRet, "ret", 1), leave(0)), OK},
		{"only the first failure counts", []Event{enter, event(eventKobjectRet, "ret", -17), event(eventIndexRet, "ret", -1), leave(unix.EEXIST)}, Kobject},
		{"ok", []Event{enter, initRet(0), leave(0)}, OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			returns := Exits(tt.events)
			if len(returns) != 1 || returns[0].Exit != tt.want {
				t.Errorf("Exits() = %v, want one return by %s", returns, tt.want)
			}
		})
	}
}

func TestMissed(t *testing.T) {
	got, err := missed([]byte("  register        217               0\n  refused       91338               2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"refused"}, got); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	if _, err := missed([]byte("nonsense\n")); !errors.Is(err, ErrMalformed) {
		t.Errorf("missed() error = %v, want %v", err, ErrMalformed)
	}
}
