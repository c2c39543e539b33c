package device

import (
	"errors"
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

func (o loadOp) Result(err error) error { return err }

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

func (o unloadOp) Result(err error) error { return err }

// unloaded makes sure that the module is not in the kernel.
func unloaded(name string) error {
	if err := module.Unload(name); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// loading is the way to create devices by loading their driver with parameters,
// and to delete them by unloading it. given is the name of the one that the suite
// looks at: with the last one, taking its name away shows how the driver undoes
// the others.
func loading(name, parameters, given string) Way {
	return Way{
		Name:  "module",
		Given: given,
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
