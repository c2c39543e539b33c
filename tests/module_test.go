package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/fault"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/klog"
	"netdev.test/teardown/initramfs/module"
	"netdev.test/teardown/initramfs/verdict"
)

// TestModule loads drivers that create devices by themselves while the
// registration of these is refused, and unloads them with live devices.
func TestModule(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		for _, l := range loads() {
			s.Case(l.spec("/unload-live", ""), l.unloadLive)
			for _, event := range []string{"NETDEV_POST_INIT", "NETDEV_REGISTER"} {
				s.Case(l.spec("/veto="+event, "veto="+event), func(c *guest.C) { l.refused(c, event) })
			}
		}
		for _, sub := range unloadable() {
			s.Case(sub.spec("/unload-live"), func(c *guest.C) { unloadUnder(c, sub) })
		}
	})
}

// standing are devices that a driver has as long as it is there: fallback tunnels, and
// the monitor that init_mac80211_hwsim() makes
// (drivers/net/wireless/virtual/mac80211_hwsim.c).
var standing = append(slices.Clone(fallbacks), fallback{"hwsim0", "wlan"})

// unloadable are the kinds whose devices are not made by loading their driver, each in
// its usual way.
func unloadable() []subject {
	var all []subject
	for _, k := range device.Kinds {
		if len(k.Load.Names) == 0 && k.Ways[0].Name != device.ByModule {
			all = append(all, subject{k, k.Ways[0]})
		}
	}
	return all
}

// unloadUnder removes a driver under a device that was made while it was there. One
// that is in use by what made the device (try_module_get()) refuses, and then the
// device must be none the worse for it.
func unloadUnder(c *guest.C, s subject) {
	c.Provide(s.way.Needs...)
	name := s.kind.Module
	if !module.Removable(name) {
		c.SkipNow("its driver is a part of the kernel's image")
	}
	keepers, err := module.Keepers(name)
	c.Unless(err)
	if len(keepers) > 0 {
		c.SkipNow("driver " + name + " cannot be unloaded for " + strings.Join(keepers, ", "))
	}
	for _, own := range standing {
		if own.driver() == name {
			c.SkipNow("driver " + name + " has a device of its own, and makes another when it is loaded again: " + own.name)
		}
	}
	d := s.plain()
	c.Must("creation", s.create(c, d))
	o := c.Do(unloading(name))
	if !o.Refused() {
		c.CheckTold(o, true, d.Names()...)
		if !s.kind.Eager {
			c.Must("module load", loading{name, s.kind.Idle})
		}
		return
	}
	wantRefusal(c, o, unix.EAGAIN) // EWOULDBLOCK of try_stop_module() in kernel/module/main.c
	s.die(c, d)
}

// load is a driver that creates devices when it is loaded.
type load struct{ device.Kind }

// loads are those of the catalogue.
func loads() []load {
	var all []load
	for _, k := range device.Kinds {
		if len(k.Load.Names) > 0 {
			all = append(all, load{k})
		}
	}
	return all
}

func (l load) spec(name, trigger string) guest.Spec {
	spec := subject{kind: l.Kind, way: l.Ways[0]}.spec(name)
	spec.Trigger, spec.Noise = trigger, []string{klog.NotifierErrorInject}
	return spec
}

// unloadLive removes the driver under its own devices.
func (l load) unloadLive(c *guest.C) {
	c.Unless(module.Unload(l.Module))
	o := c.Must("module load", loading{l.Module, l.Load.Parameters})
	c.CheckTold(o, false, l.Load.Names...)
	o = c.Must("module unload with live devices", unloading(l.Module))
	c.CheckTold(o, true, l.Load.Names...)
	c.Must("module load", loading{l.Module, l.Idle})
}

// refused loads the driver while its devices are vetoed. The load then fails,
// and must leave nothing.
func (l load) refused(c *guest.C, event string) {
	c.Unless(module.Unload(l.Module))
	injector, err := fault.LoadNotifier(guest.Debugfs, module.Root(), fault.First)
	c.Unless(err)
	c.Unless(injector.Veto(event, vetoErrno))
	o := c.Do(loading{l.Module, l.Load.Parameters})
	c.Unless(injector.Unload())
	wantRefusal(c, o, vetoErrno)
	if o.Refused() && module.Loaded(l.Module) {
		c.Find(verdict.Remains, fmt.Sprintf("module %s stayed after it refused to load", l.Module), "")
	}
	if !o.Refused() {
		c.Must("module unload", unloading(l.Module))
	}
	c.Must("module load after a refused one", loading{l.Module, l.Idle})
}

// loading is the operation that loads a module.
type loading struct{ module, parameters string }

func (l loading) Do() error              { return module.Root().Load(l.module, l.parameters) }
func (l loading) Result(err error) error { return err }

// unloading is the operation that unloads a module.
type unloading string

func (u unloading) Do() error              { return module.Unload(string(u)) }
func (u unloading) Result(err error) error { return err }
