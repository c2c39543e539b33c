package device

import (
	"fmt"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// lastRadio is the number of the radio of a simulation that was made last, which its
// command get lists, with the attribute id.
func lastRadio(simulation string, get uint8, id uint16) (last uint32, err error) {
	c, err := genetlink.Dial(nil)
	if err != nil {
		return 0, fmt.Errorf("generic netlink: %w", err)
	}
	defer c.Close()
	f, err := c.GetFamily(simulation)
	if err != nil {
		return 0, fmt.Errorf("generic netlink family %s: %w", simulation, err)
	}
	request := genetlink.Message{Header: genetlink.Header{Command: get, Version: f.Version}}
	radios, err := c.Execute(request, f.ID, netlink.Request|netlink.Dump)
	if err != nil {
		return 0, fmt.Errorf("radios of %s: %w", simulation, err)
	}
	for _, r := range radios {
		ad, err := netlink.NewAttributeDecoder(r.Data)
		if err != nil {
			return 0, fmt.Errorf("radios of %s: %w", simulation, err)
		}
		for ad.Next() {
			if ad.Type() == id {
				last = max(last, ad.Uint32())
			}
		}
	}
	return last, nil
}
