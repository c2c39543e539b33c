package device

import (
	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/module"
)

// x25Module is the driver of X.25's line discipline.
const x25Module = "x25_asy"

// x25Line is the way to create the device of X.25's line discipline. The device
// stays when another discipline is set, for the next terminal (x25_asy_alloc() in
// drivers/net/wan/x25_asy.c), and goes with the driver (exit_x25_asy()), which must
// be a module. x25_asy_open_tty() makes ENFILE of every refusal of
// register_netdevice().
var x25Line = Way{
	Name:   "tty",
	Given:  "x25asy0",
	Needs:  []Need{terminal},
	Answer: unix.ENFILE,
	New: func(e *Env, _ Device) (Op, error) {
		e.OnClose(func() error { return e.Load(x25Module) })
		return x25Op{disciplineOp{e.Made(terminal.Name), nX25}, e}, nil
	},
	Delete: func(e *Env, _ Device) (Op, error) {
		return x25Unload{disciplineOp{e.Made(terminal.Name), nTTY}}, nil
	},
}

// x25Op sets the line discipline, whose driver the last deletion unloaded.
type x25Op struct {
	disciplineOp
	env *Env
}

func (o x25Op) Prepare() error { return o.env.Load(x25Module) }

// x25Unload unloads the driver, which no terminal may use.
type x25Unload struct{ release disciplineOp }

func (o x25Unload) Prepare() error { return o.release.Do() }

func (o x25Unload) Do() error { return module.Unload(x25Module) }

func (o x25Unload) Result(err error) error { return err }
