package device

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A gadget is a USB gadget with one function, made in configfs
// (Documentation/usb/gadget_configfs.rst).
type gadget struct {
	function        string // as usb_get_function_instance() knows it
	vendor, product string
	reuse           bool // a refused binding is tried again with the same instance
}

// The gadget's folder, which gadgets_make() in drivers/usb/gadget/configfs.c makes,
// and the device controller of dummy_hcd, which has both sides in software.
const (
	gadgetFolder = "/sys/kernel/config/usb_gadget/td"
	controller   = "dummy_udc.0"
)

// Identifiers of USB devices: of the Linux Foundation's multifunction gadget; of a
// Linux gadget as cdc_subset knows it (products[] in drivers/net/usb/cdc_subset.c);
// and of a telephone of Nokia, the only vendor that cdc-phonet takes (usbpn_ids[] in
// drivers/net/usb/cdc-phonet.c).
const (
	linuxFoundation, multifunction = "0x1d6b", "0x0104"
	netchip, linuxSubset           = "0x0525", "0xa4a2"
	nokia, n810                    = "0x0421", "0x01c8"
)

// The names in the gadget's folder.
var (
	gadgetUDC     = filepath.Join(gadgetFolder, "UDC")
	gadgetConfig  = filepath.Join(gadgetFolder, "configs", "c.1")
	gadgetStrings = filepath.Join(gadgetFolder, "strings", "0x409")
)

// instance is the folder of the function, which owns the net device.
func (g gadget) instance() string { return filepath.Join(gadgetFolder, "functions", g.function+".td") }

// link puts the function into the configuration.
func (g gadget) link() string { return filepath.Join(gadgetConfig, g.function+".td") }

// way creates the net device of the gadget's side. The function's bind registers
// it when the gadget is bound to a controller (gether_register_netdev() in
// drivers/usb/gadget/function/u_ether.c); unbinding leaves it, and it goes with the
// function's instance (gether_cleanup()).
func (g gadget) way(given string) Way {
	w := Way{
		Name:    "configfs",
		Given:   given,
		Pattern: true,
		// Since 5.19 gadgets are bound by the driver core, which drops the errno
		// of a function's bind (usb_gadget_register_driver_owner() in
		// drivers/usb/gadget/udc/core.c).
		Answer:  unix.EBUSY,
		Answers: Lines{From: "5.19"},
		New: func(e *Env, _ Device) (Op, error) {
			bind, err := WriteFile(e, gadgetUDC, controller)
			return gadgetBind{bind, g}, err
		},
		Delete: func(*Env, Device) (Op, error) { return newInstanceRemoval(g) },
	}
	if g.reuse {
		w.Name = "same-instance"
	}
	return w.with(noHub, g.folder())
}

// gadgetBind binds the gadget to the controller.
type gadgetBind struct {
	Op
	gadget gadget
}

// Prepare makes the function, anew unless a refused one is to be tried again.
func (b gadgetBind) Prepare() error {
	if !b.gadget.reuse {
		if err := b.gadget.drop(); err != nil {
			return err
		}
	}
	return b.gadget.fill()
}

// instanceRemoval removes the folder of the function (rmdir(2)).
type instanceRemoval struct {
	path   []byte
	gadget gadget
}

func newInstanceRemoval(g gadget) (Op, error) {
	path, err := unix.ByteSliceFromString(g.instance())
	return instanceRemoval{path, g}, err
}

// Prepare unbinds the gadget and takes the function out of its configuration.
func (r instanceRemoval) Prepare() error { return r.gadget.release() }

func (r instanceRemoval) Do() error {
	_, _, errno := unix.Syscall(unix.SYS_RMDIR, uintptr(unsafe.Pointer(unsafe.SliceData(r.path))), 0, 0)
	runtime.KeepAlive(r.path)
	if errno != 0 {
		return errno
	}
	return nil
}

func (instanceRemoval) Result(err error) error { return err }

// folder makes the gadget, without its function.
func (g gadget) folder() Need {
	return Need{
		Name: "USB gadget",
		Make: func(e *Env) (int, error) {
			e.OnClose(g.remove)
			for _, path := range []string{gadgetFolder, gadgetStrings, gadgetConfig} {
				if err := os.Mkdir(path, 0o755); err != nil {
					return 0, err
				}
			}
			for _, attribute := range []struct{ path, value string }{
				{filepath.Join(gadgetFolder, "idVendor"), g.vendor},
				{filepath.Join(gadgetFolder, "idProduct"), g.product},
				{filepath.Join(gadgetStrings, "product"), "teardown"},
			} {
				if err := write(attribute.path, attribute.value); err != nil {
					return 0, err
				}
			}
			return 0, nil
		},
	}
}

// fill gives the gadget its function, as far as it is not there.
func (g gadget) fill() error {
	if err := os.Mkdir(g.instance(), 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	if err := os.Symlink(g.instance(), g.link()); err != nil && !os.IsExist(err) {
		return err
	}
	return nil
}

// release unbinds the gadget and takes the function out of the configuration.
func (g gadget) release() error {
	if err := undone(write(gadgetUDC, "\n")); err != nil {
		return fmt.Errorf("unbind the gadget: %w", err)
	}
	return undone(os.Remove(g.link()))
}

// drop takes the gadget's function away.
func (g gadget) drop() error {
	if err := g.release(); err != nil {
		return err
	}
	return undone(unix.Rmdir(g.instance()))
}

// remove takes the gadget away.
func (g gadget) remove() error {
	if err := g.drop(); err != nil {
		return err
	}
	for _, path := range []string{gadgetConfig, gadgetStrings, gadgetFolder} {
		if err := undone(unix.Rmdir(path)); err != nil {
			return fmt.Errorf("remove %s: %w", path, err)
		}
	}
	return nil
}
