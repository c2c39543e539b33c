package device

import (
	"fmt"
	"path/filepath"

	"netdev.test/teardown/initramfs/module"
)

// wpanModule simulates 802.15.4. It makes two radios while it loads, each with an
// interface (hwsim_probe()).
const wpanModule = "mac802154_hwsim"

// wpanRadios are the radios of the simulation, the number of the first one.
var wpanRadios = Need{
	Name: "802.15.4 radios",
	Make: func(e *Env) (int, error) {
		if err := e.Load(wpanModule); err != nil {
			return 0, err
		}
		e.OnClose(func() error { return module.Unload(wpanModule) })
		const pattern = "/sys/devices/platform/" + wpanModule + "/ieee802154/*/index"
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			return 0, fmt.Errorf("%s: no radio, %w", pattern, err)
		}
		phy, err := readNumber(files[0])
		return int(phy), err
	},
}

// wpanLower is the interface of the first radio.
var wpanLower = Need{
	Name: "802.15.4 interface",
	Make: func(e *Env) (int, error) {
		if err := e.Provide(wpanRadios); err != nil {
			return 0, err
		}
		return index("wpan0")
	},
}
