package device

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/rtnl"
)

// Numbers of drivers/net/wireless/virtual/mac80211_hwsim.h.
const (
	simulation     = "MAC80211_HWSIM"
	hwsimNewRadio  = 4  // HWSIM_CMD_NEW_RADIO
	hwsimDelRadio  = 5  // HWSIM_CMD_DEL_RADIO
	hwsimGetRadio  = 6  // HWSIM_CMD_GET_RADIO
	hwsimRadioID   = 10 // HWSIM_ATTR_RADIO_ID
	hwsimRadioName = 17 // HWSIM_ATTR_RADIO_NAME
	hwsimNoVIF     = 18 // HWSIM_ATTR_NO_VIF
)

// radioName is the name of the one radio, and of its wiphy.
const radioName = "tdradio"

// hwsim is a command about the radio.
func hwsim(number uint8, as ...rtnl.Attr) *genlOp {
	name := rtnl.Attr{Type: hwsimRadioName, Text: radioName}
	return generic(command{family: simulation, number: number, attrs: attrs(append(as, name)...)})
}

// newRadio makes the radio, without an interface of its own.
func newRadio() *genlOp { return hwsim(hwsimNewRadio, rtnl.Attr{Type: hwsimNoVIF, Bytes: []byte{}}) }

func deleteRadio() *genlOp { return hwsim(hwsimDelRadio) }

// radio is a radio of mac80211_hwsim.
var radio = Need{
	Name: "802.11 radio",
	Make: func(e *Env) (int, error) { return 0, e.makeGeneric(newRadio(), deleteRadio()) },
}

// wiphy is the number of the radio, which is made if it is not there any more.
func wiphy() (uint32, error) {
	file := filepath.Join("/sys/class/ieee80211", radioName, "index")
	if _, err := os.Lstat(file); errors.Is(err, os.ErrNotExist) {
		if err := Run(newRadio()); err != nil {
			return 0, fmt.Errorf("802.11 radio: %w", err)
		}
	}
	return readNumber(file)
}

// readNumber reads a decimal number from sysfs.
func readNumber(file string) (uint32, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	return uint32(n), err
}

// wlan creates an interface of a type on the radio (ieee80211_if_add() in
// net/mac80211/iface.c).
func wlan(name string, typ uint32) Way {
	return Way{
		Name:   name,
		Chosen: Name,
		Early:  true,
		Needs:  []Need{radio},
		New: func(e *Env, d Device) (Op, error) {
			return generic(command{family: unix.NL80211_GENL_NAME, number: unix.NL80211_CMD_NEW_INTERFACE, attrs: func() ([]rtnl.Attr, error) {
				phy, err := wiphy()
				return []rtnl.Attr{
					rtnl.Uint32(unix.NL80211_ATTR_WIPHY, phy),
					{Type: unix.NL80211_ATTR_IFNAME, Text: d.Name},
					rtnl.Uint32(unix.NL80211_ATTR_IFTYPE, typ),
				}, err
			}}), nil
		},
		Delete: func(e *Env, d Device) (Op, error) {
			return generic(command{family: unix.NL80211_GENL_NAME, number: unix.NL80211_CMD_DEL_INTERFACE,
				attrs: indexOf(unix.NL80211_ATTR_IFINDEX, d.Name)}), nil
		},
	}
}

// indexOf is for a command that knows a device by its ifindex alone.
func indexOf(typ uint16, name string) func() ([]rtnl.Attr, error) {
	return func() ([]rtnl.Attr, error) {
		i, err := index(name)
		return []rtnl.Attr{rtnl.Uint32(typ, uint32(i))}, err
	}
}

// withRadio is the way to lose an interface with its radio
// (ieee80211_remove_interfaces() in net/mac80211/iface.c).
func (w Way) withRadio() Way {
	w.Delete = func(*Env, Device) (Op, error) { return deleteRadio(), nil }
	return w
}

// wlanRadio makes a radio, and the interface that it comes with. A radio whose
// interface is refused is there all the same (ieee80211_register_hw() in
// net/mac80211/main.c). It has no name of its own: wiphy_new_nm() in
// net/wireless/core.c gives it another one when there is no memory for that.
var wlanRadio = Way{
	Name:   "radio",
	Given:  "wlan0",
	Early:  true,
	Answer: unix.ENODEV,
	// ieee80211_init_rate_ctrl_alg() in net/mac80211/rate.c.
	Shortage: []unix.Errno{unix.ENOENT},
	New: func(_ *Env, d Device) (Op, error) {
		return creatingRadio{generic(command{family: simulation, number: hwsimNewRadio, attrs: attrs()}), d.Name}, nil
	},
	Delete: func(*Env, Device) (Op, error) { return deleteLastRadio(), nil },
}

func deleteLastRadio() *genlOp {
	return generic(command{family: simulation, number: hwsimDelRadio, attrs: func() ([]rtnl.Attr, error) {
		id, err := lastRadio(simulation, hwsimGetRadio, hwsimRadioID)
		return []rtnl.Attr{rtnl.Uint32(hwsimRadioID, id)}, err
	}})
}

// creatingRadio takes a radio without an interface for a refusal, and deletes it.
type creatingRadio struct {
	*genlOp
	device string
}

func (o creatingRadio) Result(err error) error {
	if err = o.genlOp.Result(err); err != nil {
		return err
	}
	_, err = os.Lstat(filepath.Join("/sys/class/net", o.device))
	if errors.Is(err, os.ErrNotExist) {
		return errors.Join(unix.ENODEV, Run(deleteLastRadio()))
	}
	return err
}
