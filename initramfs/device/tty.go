package device

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Line disciplines, include/uapi/linux/tty.h.
const (
	nTTY     = 0
	nSLIP    = 1
	nAX25    = 5
	nX25     = 6
	n6PACK   = 7
	nSLCAN   = 17
	nCAIF    = 20
	nGSM0710 = 21
	nMCTP    = 28
	nCAN327  = 30
)

// ptmx is the master of a pseudo terminal, where a modem would be. The terminal
// must be the first one, pts/0: CAIF makes a name of the number.
var ptmx = Need{Name: "ptmx", Make: func(e *Env) (int, error) {
	fd, err := openTTY(e, "/dev/ptmx")
	if err != nil {
		return -1, err
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return -1, fmt.Errorf("unlock the terminal: %w", err)
	}
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		return -1, fmt.Errorf("number of the terminal: %w", err)
	}
	if number != 0 {
		return -1, fmt.Errorf("the terminal is pts/%d: somebody else has pts/0", number)
	}
	return fd, nil
}}

// terminal is the pseudo terminal whose line discipline is set.
var terminal = Need{Name: "terminal", Make: func(e *Env) (int, error) {
	if err := e.Provide(ptmx); err != nil {
		return -1, err
	}
	return openTTY(e, "/dev/pts/0")
}}

// openTTY opens a terminal for as long as the case lasts.
func openTTY(e *Env, path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	e.OnClose(func() error { return unix.Close(fd) })
	return fd, nil
}

// disciplineOp sets the line discipline of a terminal (tty_set_ldisc() in
// drivers/tty/tty_ldisc.c). Where the new one is refused, the old one is opened
// again, and with it a device that it had.
type disciplineOp struct{ terminal, discipline int }

func (o disciplineOp) Do() error {
	return unix.IoctlSetPointerInt(o.terminal, unix.TIOCSETD, o.discipline)
}

func (o disciplineOp) Result(err error) error { return err }

// discipline is the way to create the device of a line discipline, which has it for
// as long as it is that of a terminal. The driver gives it the name.
func discipline(number int, name string) Way {
	return Way{
		Name:  "tty",
		Given: name,
		Needs: []Need{terminal},
		New: func(e *Env, _ Device) (Op, error) {
			return disciplineOp{e.Made(terminal.Name), number}, nil
		},
		Delete: func(e *Env, _ Device) (Op, error) {
			return disciplineOp{e.Made(terminal.Name), nTTY}, nil
		},
	}
}

// numbered says that the driver has register_netdevice() choose the number in the
// name.
func (w Way) numbered() Way {
	w.Pattern = true
	return w
}
