package device

import "golang.org/x/sys/unix"

// The gadgets that have a net device on either side.
var (
	phonetGadget = gadget{function: "phonet", vendor: nokia, product: n810}
	ecmGadget    = gadget{function: "ecm", vendor: linuxFoundation, product: multifunction}
	eemGadget    = gadget{function: "eem", vendor: linuxFoundation, product: multifunction}
	ncmGadget    = gadget{function: "ncm", vendor: linuxFoundation, product: multifunction}
	rndisGadget  = gadget{function: "rndis", vendor: linuxFoundation, product: multifunction}
	subsetGadget = gadget{function: "geth", vendor: netchip, product: linuxSubset}

	ecmAgain = gadget{function: "ecm", vendor: linuxFoundation, product: multifunction, reuse: true}
)

// The names that the drivers give: gphonet_setup_default() in f_phonet.c,
// gether_setup_default() in u_ether.h, usbpn_probe() in cdc-phonet.c, and
// usbnet_probe() in usbnet.c, which finds usb0 taken by the gadget.
const (
	phonetName     = "upnlink0"
	etherName      = "usb0"
	hostPhonetName = "usbpn0"
	hostEtherName  = "usb1"
)

// usbKinds are the network functions of a USB gadget, and the host drivers for
// them.
var usbKinds = []Kind{
	function("f_phonet", "PHONET", "f_phonet.c", phonetGadget.way(phonetName)),
	// The functions below differ in their framing: the net device is u_ether's.
	// Only one of them shows what becomes of an instance that was refused before.
	function("f_ecm", "ECM", "f_ecm.c", ecmGadget.way(etherName), ecmAgain.way(etherName)),
	function("f_eem", "EEM", "f_eem.c", eemGadget.way(etherName)),
	function("f_ncm", "NCM", "f_ncm.c", ncmGadget.way(etherName)),
	function("f_rndis", "RNDIS", "f_rndis.c", rndisGadget.way(etherName)),
	function("f_ecm_subset", "ECM_SUBSET", "f_subset.c", subsetGadget.way(etherName)),

	hostDriver("cdc_phonet", "CONFIG_USB_CDC_PHONET", "cdc-phonet.c", phonetGadget.host("cdc_phonet", hostPhonetName)),
	hostDriver("cdc_ether", "CONFIG_USB_NET_CDCETHER", "cdc_ether.c", ecmGadget.host("cdc_ether", hostEtherName)),
	hostDriver("cdc_eem", "CONFIG_USB_NET_CDC_EEM", "cdc_eem.c", eemGadget.host("cdc_eem", hostEtherName)),
	hostDriver("cdc_ncm", "CONFIG_USB_NET_CDC_NCM", "cdc_ncm.c",
		// cdc_ncm_bind_common() drops the errno of whatever fails in it.
		ncmGadget.host("cdc_ncm", hostEtherName).short(unix.ENODEV)),
	hostDriver("rndis_host", "CONFIG_USB_NET_RNDIS_HOST", "rndis_host.c", rndisGadget.host("rndis_host", hostEtherName)),
	hostDriver("cdc_subset", "CONFIG_USB_NET_CDC_SUBSET", "cdc_subset.c", subsetGadget.host("cdc_subset", hostEtherName)),
}

// function is the kind of a gadget's function.
func function(name, symbol, source string, ways ...Way) Kind {
	return Kind{
		Name:   name,
		Family: "usb",
		Module: "usb_" + name,
		Config: "CONFIG_USB_CONFIGFS_" + symbol,
		Source: "drivers/usb/gadget/function/" + source,
		Ways:   ways,
	}
}

// hostDriver is the kind of a host driver.
func hostDriver(name, symbol, source string, ways ...Way) Kind {
	return Kind{
		Name:   name,
		Family: "usb",
		Module: name,
		Config: symbol,
		Source: "drivers/net/usb/" + source,
		Ways:   ways,
	}
}
