package life

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/trace"
)

// order is the order of the steps in a life that has them all.
var order = []string{
	Alloc, Register, Init, PostInit, KobjectAdd, List, Announced, Returned,
	Up, GoingDown, Down, MovedOut, MovedIn,
	Unregister, FlushUC, FlushMC, PreUninit, Uninit, KobjectDel,
	FreeAsked, Wait, Rebroadcast, Destructor, FreeCore, Free, Release,
}

// The cleanup at each exit, which register_netdevice() makes before it returns.
var (
	noCleanup     = []string{}
	cleanup       = []string{Uninit, Destructor}
	warnedCleanup = []string{PreUninit, Uninit, Destructor}
	unregister    = []string{Unregister, FlushUC, FlushMC, PreUninit, Uninit, KobjectDel}
)

// promised is what happens within register_netdevice() for each way it ends.
var promised = map[trace.Exit]struct{ steps, cleanup []string }{
	trace.Killed:    {},
	trace.Ethtool:   {nil, noCleanup},
	trace.Name:      {nil, noCleanup},
	trace.NameNode:  {nil, noCleanup},
	trace.NdoInit:   {[]string{Init}, noCleanup},
	trace.BuggyVLAN: {[]string{Init}, cleanup},
	trace.PcpuStats: {[]string{Init}, cleanup},
	trace.Index:     {[]string{Init}, cleanup},
	trace.PostInit:  {[]string{Init, PostInit}, cleanup},
	trace.Kobject:   {[]string{Init, PostInit, KobjectAdd}, warnedCleanup},
	trace.Queues:    {[]string{Init, PostInit, KobjectAdd}, warnedCleanup},
	trace.Register:  {[]string{Init, PostInit, KobjectAdd, List, Announced}, unregister},
	trace.OK:        {[]string{Init, PostInit, KobjectAdd, List, Announced}, nil},
}

// todo is what netdev_run_todo() does.
var todo = []string{Wait, Destructor, FreeCore, Release}

// promise returns the steps that the device's life should have, as far as it
// got, in this kernel.
func (d *Device) promise(absent map[string]bool) []string {
	var steps []string
	if d.Begun {
		steps = append(steps, Alloc)
	}
	exit := d.Exit()
	if exit != "" {
		p := promised[exit]
		steps = append(steps, Register)
		steps = append(steps, p.steps...)
		steps = append(steps, p.cleanup...)
		steps = append(steps, Returned)
	}
	if exit == trace.OK || exit == "" && d.has(Unregister) {
		steps = append(steps, unregister...)
	}
	registered := exit == trace.OK || exit == trace.Register
	if registered || exit == "" && d.has(KobjectDel) {
		steps = append(steps, todo...)
	} else {
		steps = append(steps, d.freedByCaller()...)
	}
	steps = slices.DeleteFunc(steps, func(name string) bool { return !d.expects(name, absent) })
	return d.reached(steps)
}

// freedByCaller is what is left to do after a refusal: a device that never had a
// kobject is freed at once.
func (d *Device) freedByCaller() []string {
	if d.has(KobjectAdd) {
		return []string{Free, Release}
	}
	return []string{Free}
}

// expects reports whether a step that is promised in general is so for this
// device, and can be seen.
func (d *Device) expects(name string, absent map[string]bool) bool {
	switch name {
	case Init:
		return d.Kind != "" && !absent[eventInitRet+d.Kind]
	case Uninit:
		return d.Kind != "" && !absent[eventUninit+d.Kind]
	case Destructor:
		return d.Kind != "" && !absent[eventDestructor+d.Kind]
	case PreUninit:
		return !absent[argPre]
	case FreeCore:
		return !d.has(Wait) || d.Steps[d.find(0, Wait)].Args["needs"] != 0
	}
	return d.sees(name)
}

// reached cuts off what lies beyond the last step that was observed.
func (d *Device) reached(steps []string) []string {
	for i := len(steps); i > 0; i-- {
		if d.has(steps[i-1]) {
			return steps[:i]
		}
	}
	return nil
}

// A row is a step that was observed, or promised, or both.
type row struct {
	step *Step
	name string // promised
}

// Compare puts what was observed beside what is promised, with times. A line
// that has only one of them, and should have both, is marked with "!".
func (d *Device) Compare(absent map[string]bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %-14s %-19s %-46s %s\n", "time", "task", "observed", "promised")
	for _, r := range d.align(d.promise(absent)) {
		mark, line := " ", fmt.Sprintf("%-14s %-19s %-46s", "", "", "")
		if r.step != nil {
			line = fmt.Sprintf("%14.6f %-19s %-46s", r.step.Time.Seconds(), fmt.Sprintf("%s-%d", r.step.Task, r.step.PID), r.step.describe())
		}
		if r.step == nil || r.name == "" && !slices.Contains(free, r.step.Name) {
			mark = "!"
		}
		b.WriteString(strings.TrimRight(mark+" "+line+" "+r.name, " ") + "\n")
	}
	return b.String()
}

// free are the steps that may happen or not.
var free = []string{Up, GoingDown, Down, MovedOut, MovedIn, FreeAsked, Free, Rebroadcast}

// describe names the step with what the probe fetched.
func (s *Step) describe() string {
	text := s.Name
	switch ret := s.Args["ret"]; {
	case s.Name == Returned && ret < 0:
		text += fmt.Sprintf(" (%s, %s)", s.Exit, unix.ErrnoName(unix.Errno(-ret)))
	case s.Name == Init || s.Name == KobjectAdd:
		text += fmt.Sprintf(" (%d)", ret)
	}
	if refs, ok := s.Args["refs"]; ok {
		text += fmt.Sprintf(" refs=%d", refs)
	}
	if needs, ok := s.Args["needs"]; ok && s.Name != FreeAsked {
		text += fmt.Sprintf(" needs_free=%d", needs)
	}
	if s.Late {
		text += " after the end"
	}
	return text
}

// align finds the longest common subsequence of what was observed and what is
// promised.
func (d *Device) align(names []string) []row {
	n, m := len(d.Steps), len(names)
	common := make([][]int, n+1)
	for i := range common {
		common[i] = make([]int, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if d.Steps[i].Name == names[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var rows []row
	for i, j := 0, 0; i < n || j < m; {
		switch {
		case i < n && j < m && d.Steps[i].Name == names[j]:
			rows = append(rows, row{&d.Steps[i], names[j]})
			i, j = i+1, j+1
		case j == m || i < n && common[i+1][j] >= common[i][j+1]:
			rows = append(rows, row{step: &d.Steps[i]})
			i++
		default:
			rows = append(rows, row{name: names[j]})
			j++
		}
	}
	return rows
}
