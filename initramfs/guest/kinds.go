package guest

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/initramfs/life"
	"netdev.test/teardown/initramfs/module"
	"netdev.test/teardown/kconfigs"
)

// configFile is the kernel's own configuration (kernel/configs.c).
const configFile = "/proc/config.gz"

// openConfig reads the kernel's configuration. A kernel without the file does not
// tell: then what it lacks shows when it is asked for.
func (m *machine) openConfig() error {
	f, err := os.Open(configFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", configFile, err)
	}
	m.config, err = kconfigs.Values(text)
	return err
}

// lack tells why this kernel cannot have what lines and a symbol of its
// configuration stand for, or "".
func (m *machine) lack(lines device.Lines, symbol string) string {
	if why := lines.Lack(m.release); why != "" {
		return why
	}
	if m.config != nil && symbol != "" && m.config[symbol] == "" {
		return symbol + " is not set in this kernel"
	}
	return ""
}

// loadKinds loads the drivers of the catalogue, so that their functions can be
// traced, but for those that would create devices.
func (m *machine) loadKinds() error {
	for _, k := range device.Kinds {
		if k.Eager || m.lack(k.Lines, k.Config) != "" {
			continue
		}
		if err := m.load(k.Module); err != nil && !errors.Is(err, module.ErrAbsent) {
			return err
		}
	}
	return nil
}

// load makes sure that the module is in the kernel.
func (m *machine) load(name string) error {
	if module.Loaded(name) || m.builtIn(name) {
		return nil
	}
	parameters := ""
	for _, k := range device.Kinds {
		if k.Module == name {
			parameters = k.Idle
		}
	}
	m.last = nil
	return m.modules.Load(name, parameters)
}

// builtIn reports whether the driver of a kind is a part of the kernel's image,
// which /sys/module shows only for a driver with parameters.
func (m *machine) builtIn(name string) bool {
	for _, k := range device.Kinds {
		if k.Module != name {
			continue
		}
		if m.config[k.Config] == "y" {
			return true
		}
		init := device.On(m.release, k.NdoInit)
		if symbol, ok := m.table.Find(init)[init]; ok && m.config == nil && !strings.Contains(symbol, ":") {
			return true
		}
	}
	return false
}

// drivers are those whose functions are traced: of all kinds that the kernel may
// have, of the loopback, and of the device that our module plants. Kinds of one
// driver are traced as the first of them.
func (m *machine) drivers() []life.Symbols {
	m.driverOf = map[string]string{}
	var all []life.Symbols
	for _, k := range device.Kinds {
		if m.lack(k.Lines, k.Config) != "" || k.Eager {
			continue
		}
		s := life.Symbols{
			Kind:           k.Name,
			NdoInit:        device.On(m.release, k.NdoInit),
			NdoUninit:      device.On(m.release, k.NdoUninit),
			PrivDestructor: device.On(m.release, k.PrivDestructor),
		}
		m.driverOf[k.Name] = k.Name
		for _, other := range all {
			if s.NdoInit != "" && s.NdoInit == other.NdoInit {
				m.driverOf[k.Name] = other.Kind
			}
		}
		if m.driverOf[k.Name] == k.Name {
			all = append(all, s)
		}
	}
	return append(all,
		life.Symbols{Kind: "lo", NdoInit: device.LoopbackInit, PrivDestructor: device.LoopbackFree},
		life.Symbols{Kind: kmod.Name, NdoInit: kmod.TwiceNdoInit, NdoUninit: kmod.TwiceNdoUninit, PrivDestructor: kmod.TwicePrivDestructor})
}

// initOf returns the kind's ndo_init in this kernel, "" when it has none.
func (m *machine) initOf(k device.Kind) string { return device.On(m.release, k.NdoInit) }
