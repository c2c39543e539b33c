package device

import (
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// netdevsim is the bus of simulated devices (drivers/net/netdevsim/bus.c).
const netdevsim = "netdevsim"

// simulatedPort is the index of the port that a case adds.
const simulatedPort = "1"

// simulated puts a device with ports on the bus ("ID PORTS" to new_device), and
// leaves its probing to whom probes it.
func simulated(id, ports int) Need {
	return Need{
		Name: "device on the bus netdevsim",
		Make: func(e *Env) (int, error) {
			folder, number := filepath.Join(busFolder, netdevsim), strconv.Itoa(id)
			if err := write(filepath.Join(folder, "new_device"), number+" "+strconv.Itoa(ports)); err != nil {
				return 0, err
			}
			e.OnClose(func() error { return undone(write(filepath.Join(folder, "del_device"), number)) })
			return id, nil
		},
	}
}

// netdevsimPort adds and deletes one port of a device that has none
// (new_port_store() and del_port_store()).
func netdevsimPort() Way {
	const id = 1
	attribute := func(name string) func(*Env, Device) (Op, error) {
		return func(e *Env, _ Device) (Op, error) {
			return WriteFile(e, filepath.Join(busFolder, netdevsim, "devices", netdevsim+strconv.Itoa(id), name), simulatedPort)
		}
	}
	return Way{
		Name:    "new_port",
		Given:   "eth0",
		Pattern: true,
		New:     attribute("new_port"),
		Delete:  attribute("del_port"),
	}.with(simulated(id, 0))
}

// netdevsimBind binds the driver to a device with one port, which is also what
// new_device does, but new_device is not told of what the driver's probe returned
// (device_add() in drivers/base/core.c). For want of memory
// nsim_fib_event_schedule_work() in drivers/net/netdevsim/fib.c says NOTIFY_BAD, which
// is no errno but reads as EPERM.
func netdevsimBind() Way {
	const id = 1
	return bound(netdevsim, netdevsim, netdevsim+strconv.Itoa(id), "eth0").
		with(noProbe(netdevsim), simulated(id, 1)).
		short(unix.EPERM)
}
