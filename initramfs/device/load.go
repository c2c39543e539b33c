package device

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/module"
)

// loadOp is one finit_module(2).
type loadOp struct {
	file       *os.File
	parameters []byte // with the zero at their end
}

func (o loadOp) Do() error {
	_, _, errno := unix.Syscall(unix.SYS_FINIT_MODULE, o.file.Fd(),
		uintptr(unsafe.Pointer(unsafe.SliceData(o.parameters))), 0)
	runtime.KeepAlive(o.parameters)
	if errno != 0 {
		return errno
	}
	return nil
}

func (o loadOp) Result(err error) error {
	if err != nil {
		module.Leave()
	}
	return err
}

// unloadOp is one delete_module(2), which does not wait for users.
type unloadOp struct{ name []byte } // with the zero at its end

func unload(name string) unloadOp {
	return unloadOp{append([]byte(strings.ReplaceAll(name, "-", "_")), 0)}
}

func (o unloadOp) Do() error {
	_, _, errno := unix.Syscall(unix.SYS_DELETE_MODULE,
		uintptr(unsafe.Pointer(unsafe.SliceData(o.name))), unix.O_NONBLOCK, 0)
	runtime.KeepAlive(o.name)
	if errno != 0 {
		return errno
	}
	return nil
}

func (o unloadOp) Result(err error) error {
	if err == nil {
		module.Leave()
	}
	return err
}

// unloaded makes sure that the module is not in the kernel.
func unloaded(name string) error {
	if err := module.Unload(name); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// ByModule is the name of the way to create devices by loading their driver.
const ByModule = "module"

// loading is the way to create devices by loading their driver with parameters,
// and to delete them by unloading it. given is the name of the one that the suite
// looks at: with the last one, taking its name away shows how the driver undoes
// the others.
func loading(name, parameters, given string) Way {
	return Way{
		Name:  ByModule,
		Given: given,
		// EEXIST is to mean that the module is loaded already (do_init_module() in
		// kernel/module/main.c of 7.2).
		Turned: []Turn{{unix.EEXIST, unix.EBUSY, Lines{From: "7.2"}}},
		New: func(e *Env, _ Device) (Op, error) {
			file, err := module.Root().Open(name)
			if err != nil {
				return nil, err
			}
			e.OnClose(file.Close)
			e.OnClose(func() error { return unloaded(name) })
			return loadOp{file, append([]byte(parameters), 0)}, nil
		},
		Delete: func(*Env, Device) (Op, error) { return unload(name), nil },
	}
}

// driver is a module that creates no device by being loaded, but must not stay
// when the case is over, or is no kind's.
func driver(name string) Need {
	return Need{Name: "module " + name, Make: func(e *Env) (int, error) {
		if module.Loaded(name) {
			return 0, nil
		}
		e.OnClose(func() error { return unloaded(name) })
		return 0, e.Load(name)
	}}
}

// library is a module that a driver builds on. It may be a part of the kernel's
// image, which nothing tells: if it is not there at all, the driver cannot be loaded.
func library(name string) Need {
	n := driver(name)
	load := n.Make
	n.Make = func(e *Env) (int, error) {
		if _, err := load(e); err != nil && !errors.Is(err, module.ErrAbsent) {
			return 0, err
		}
		return 0, nil
	}
	return n
}

// idle is what a driver of devices on the bus needs: the libraries it builds on, and
// itself, while no device is probed, so that the one that is bound gets the first
// free name.
func idle(bus, name string, libraries ...string) []Need {
	needs := []Need{noProbe(bus)}
	for _, l := range libraries {
		needs = append(needs, library(l))
	}
	return append(needs, driver(name))
}

// removable is a kind's module whose devices nothing deletes but its unloading. It
// is loaded again when the case is over.
func removable(name string) Need {
	return Need{Name: "removable module " + name, Make: func(e *Env) (int, error) {
		if err := e.Load(name); err != nil {
			return 0, err
		}
		if !module.Removable(name) {
			return 0, fmt.Errorf("driver %s is a part of the kernel's image: nothing deletes its devices", name)
		}
		e.OnClose(func() error { return errors.Join(unloaded(name), e.Load(name)) })
		return 0, nil
	}}
}

// loadedOp is an operation of a driver that an earlier one may have unloaded.
type loadedOp struct {
	Op
	load func() error
}

func (o loadedOp) Prepare() error {
	if err := o.load(); err != nil {
		return err
	}
	return Prepare(o.Op)
}
