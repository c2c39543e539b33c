package holder

import (
	"slices"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// noTraffic is what netlink says of a qdisc, classifier, action or type of chain
// that the kernel does not have, or of all of them.
var noTraffic = []unix.Errno{unix.ENOENT, unix.EOPNOTSUPP}

// traffic is what is done to the device's packets: traffic control, and hooks of
// netfilter.
var traffic = []Holder{
	{Name: "tc-filter", Config: "CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_MATCHALL and CONFIG_NET_ACT_MIRRED", Lacking: noTraffic,
		LetsGo: "dev_shutdown() in net/sched/sch_generic.c", Take: tcFilter},
	{Name: "tc-mirred", Modules: []string{"dummy"}, Config: "CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_MATCHALL and CONFIG_NET_ACT_MIRRED", Lacking: noTraffic,
		LetsGo: "mirred_device_event() in net/sched/act_mirred.c", Take: tcMirred},
	{Name: "nft-chain", Config: "CONFIG_NF_TABLES_NETDEV", Lacking: slices.Concat(noSocket, noTraffic),
		LetsGo: "nf_tables_netdev_event() in net/netfilter/nft_chain_filter.c", Take: nftChain},
}

// redirect has all that the device from receives sent by the device to. The
// reference is the action's (tcf_mirred_init() in net/sched/act_mirred.c).
func redirect(handle *netlink.Handle, from, to int) (netlink.Qdisc, error) {
	q := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: from,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_CLSACT,
	}}
	if err := handle.QdiscAdd(q); err != nil {
		return nil, err
	}
	return q, handle.FilterAdd(&netlink.MatchAll{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: from,
			Parent:    netlink.HANDLE_MIN_INGRESS,
			Priority:  1,
			Protocol:  unix.ETH_P_ALL,
		},
		Actions: []netlink.Action{netlink.NewMirredAction(to)},
	})
}

// tcFilter has the device redirect to itself.
func tcFilter(t Target) (*Held, error) {
	h := &Held{}
	handle, err := h.rtnetlink()
	if err != nil {
		return nil, err
	}
	q, err := redirect(handle, t.Index, t.Index)
	if err != nil {
		return h.abandon(err)
	}
	h.After = []Use{{What: "delete the qdisc", Want: unix.ENODEV, Do: func() error { return handle.QdiscDel(q) }}}
	return h, nil
}

// Another device, which redirects to the one that is held.
const (
	sourceName  = "tdx"
	sourceIndex = 1100
)

// tcMirred has another device redirect to the one that is held.
func tcMirred(t Target) (*Held, error) {
	h := &Held{}
	handle, err := h.rtnetlink()
	if err != nil {
		return nil, err
	}
	source := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: sourceName, Index: sourceIndex}}
	if err := handle.LinkAdd(source); err != nil {
		return h.abandon(err)
	}
	h.onClose(func() error { return handle.LinkDel(source) })
	if _, err := redirect(handle, sourceIndex, t.Index); err != nil {
		return h.abandon(err)
	}
	h.After = []Use{{What: "list the filters that redirect to nowhere", Do: func() error {
		_, err := handle.FilterList(source, netlink.HANDLE_MIN_INGRESS)
		return err
	}}}
	return h, nil
}

// nftChain hooks a chain to what the device receives.
func nftChain(t Target) (*Held, error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, err
	}
	h := &Held{}
	table := conn.AddTable(&nftables.Table{Name: "teardown", Family: nftables.TableFamilyNetdev})
	conn.AddChain(&nftables.Chain{
		Name:     "received",
		Table:    table,
		Type:     nftables.ChainTypeFilter,
		Hooknum:  nftables.ChainHookIngress,
		Priority: nftables.ChainPriorityFilter,
		Device:   t.Name,
	})
	if err := conn.Flush(); err != nil {
		return nil, err
	}
	h.onClose(func() error {
		conn.DelTable(table)
		return conn.Flush()
	})
	h.After = []Use{{What: "list the chains", Do: func() error {
		_, err := conn.ListChainsOfTableFamily(nftables.TableFamilyNetdev)
		return err
	}}}
	return h, nil
}
