package life

import (
	"maps"
	"slices"
	"strings"
	"time"

	"netdev.test/teardown/initramfs/trace"
)

// A Step is one thing that happened to a device.
type Step struct {
	Time time.Duration // since boot, by the trace clock
	PID  int           // of the thread
	Task string        // its comm
	Name string        // one of the names below
	Args map[string]int64
	// After is the task's step before, on any device, and Idle how long ago
	// that was.
	Idle  time.Duration
	After string

	Inside bool       // within register_netdevice() of this device
	Late   bool       // after the device's memory was freed
	Exit   trace.Exit // of Returned
}

// Names of steps, as the kernel calls them; those from UNREGISTER to the wait
// are the work of unregister_netdevice_many(), what follows that of
// netdev_run_todo().
const (
	Alloc       = "alloc_netdev_mqs"
	Register    = "register_netdevice"
	Init        = "ndo_init"
	PostInit    = "NETDEV_POST_INIT"
	KobjectAdd  = "netdev_register_kobject"
	List        = "list_netdevice"
	Announced   = "NETDEV_REGISTER"
	Returned    = "register_netdevice returned"
	Up          = "NETDEV_UP"
	GoingDown   = "NETDEV_GOING_DOWN"
	Down        = "NETDEV_DOWN"
	MovedOut    = "NETDEV_UNREGISTER to move"
	MovedIn     = "NETDEV_REGISTER when moved"
	Unregister  = "NETDEV_UNREGISTER"
	FlushUC     = "dev_uc_flush"
	FlushMC     = "dev_mc_flush"
	PreUninit   = "NETDEV_PRE_UNINIT"
	Uninit      = "ndo_uninit"
	KobjectDel  = "netdev_unregister_kobject"
	Wait        = "wait for references"
	Rebroadcast = "NETDEV_UNREGISTER again"
	Destructor  = "priv_destructor"
	FreeAsked   = "free_netdev put off"
	FreeCore    = "free_netdev by the core"
	Free        = "free_netdev"
	Release     = "netdev_release"
)

// Values of dev->reg_state (include/linux/netdevice.h), the same on all lines.
const (
	stateUninitialized = 0
	stateRegistered    = 1
	stateUnregistering = 2
	stateUnregistered  = 3
	stateReleased      = 4
	stateDummy         = 5
)

// notified maps values of enum netdev_cmd (include/linux/netdevice.h) to steps.
var notified = map[int64]string{
	1: Up, 2: Down, 5: Announced, 6: Unregister, 10: GoingDown, 17: PostInit,
}

// A Device is one incarnation of a net_device: what happened at one address
// between alloc_netdev_mqs() and the end of the memory.
type Device struct {
	Address uint64
	Kind    string // whose ndo_init, ndo_uninit or priv_destructor ran; empty if none did
	Begun   bool   // the record has the allocation
	Ended   bool   // the record has the end of the memory
	Reused  bool   // its memory was allocated anew, without an end
	// Settled: the task that waited for the references went on to other work.
	Settled bool
	old     bool // it had ended when devices were retired last
	Steps   []Step
	Stack   []string // of the allocation, the innermost function first
}

// Exit returns the exit of the last register_netdevice() that returned, or "".
func (d *Device) Exit() trace.Exit {
	for _, s := range slices.Backward(d.Steps) {
		if s.Name == Returned {
			return s.Exit
		}
	}
	return ""
}

// Record returns the history of each device in the events, in the order in which
// they came into view. The events are all of some span of time, in order.
func Record(events []trace.Event) []*Device {
	r := NewRecorder()
	r.Add(events)
	return r.Devices()
}

// Alive returns the devices that were allocated and not given back: what is
// left in the live set when the events end.
func Alive(events []trace.Event) []*Device {
	r := NewRecorder()
	r.Add(events)
	return r.Alive()
}

// A Recorder makes histories of events that come bit by bit.
type Recorder struct {
	tasks   map[int]*task
	now     map[uint64]*Device // the newest incarnation at each address
	devices []*Device
	step    string // name of the step that the event made, if it made one
}

// NewRecorder returns a recorder that knows of no device.
func NewRecorder() *Recorder {
	return &Recorder{tasks: map[int]*task{}, now: map[uint64]*Device{}}
}

// Add goes on with further events.
func (r *Recorder) Add(events []trace.Event) {
	for _, e := range events {
		t := r.task(e)
		r.event(t, e)
		if r.step != "" {
			t.last, t.lastStep = e.Time, r.step
		}
	}
}

// Devices returns the devices that it knows of.
func (r *Recorder) Devices() []*Device {
	return slices.DeleteFunc(slices.Clone(r.devices), func(d *Device) bool { return len(d.Steps) == 0 })
}

// Alive returns those that were allocated and not given back.
func (r *Recorder) Alive() []*Device {
	var alive []*Device
	for _, d := range r.devices {
		if len(d.Steps) > 0 && d.Begun && !d.Ended && !d.Reused {
			alive = append(alive, d)
		}
	}
	return alive
}

// Retire returns the devices that had come to their end before it was called the
// last time, and forgets them. What happens to their memory from then on is
// another device's history.
func (r *Recorder) Retire() []*Device {
	var retired []*Device
	r.devices = slices.DeleteFunc(r.devices, func(d *Device) bool {
		if !d.old {
			d.old = d.Ended || d.Reused
			return false
		}
		retired = append(retired, d)
		if r.now[d.Address] == d {
			delete(r.now, d.Address)
		}
		return true
	})
	return retired
}

// task is what one task is doing.
type task struct {
	calls    []*call // of register_netdevice(), not returned yet, the innermost last
	last     time.Duration
	lastStep string
	refs     map[string]int64 // what netdev_refcnt_read() returned last
	stack    []string         // at the entry of alloc_netdev_mqs()
	waited   []*Device        // for whose references it waited
	freed    *Device          // by its last step; it may have been in alloc_netdev_mqs()
}

// call is one call of register_netdevice(), with the events that are its own.
type call struct {
	device *Device
	events []trace.Event
}

// task returns the task that made the event.
func (r *Recorder) task(e trace.Event) *task {
	t := r.tasks[e.PID]
	if t == nil {
		t = &task{last: e.Time}
		r.tasks[e.PID] = t
	}
	return t
}

func (r *Recorder) event(t *task, e trace.Event) {
	r.step = ""
	if n := len(t.calls); n > 0 && e.Name != eventRegister {
		t.calls[n-1].events = append(t.calls[n-1].events, e)
	}
	switch e.Name {
	case eventAllocEnter:
		t.stack = e.Stack
	case eventAlloc:
		r.alloc(t, e)
	case eventRegister:
		t.settle()
		d := r.device(address(e))
		r.add(t, d, Register, e)
		t.calls = append(t.calls, &call{device: d, events: []trace.Event{e}})
	case eventRegisterRet:
		r.returned(t, e)
	case eventKobjectRet:
		r.inside(t, e, KobjectAdd)
	case eventNotify:
		r.notify(t, e)
	case eventRefcntRet:
		t.refs = e.Args
	case eventRelease:
		r.release(t, e)
	case eventFree:
		t.freed = nil
		r.free(t, e)
	default:
		r.plain(t, e)
	}
	if r.step != "" && e.Name != eventFree {
		t.freed = nil
	}
}

// alloc begins an incarnation. A failed alloc_netdev_mqs() may have called
// free_netdev() itself, on a device that nobody ever had.
func (r *Recorder) alloc(t *task, e trace.Event) {
	t.settle()
	if address(e) == 0 {
		r.forget(t.freed)
		t.freed = nil
		return
	}
	if old := r.now[address(e)]; old != nil && !old.Ended {
		old.Reused = true
	}
	d := &Device{Address: address(e), Begun: true, Stack: e.Stack}
	if len(d.Stack) == 0 {
		d.Stack = t.stack
	}
	r.keep(d)
	r.add(t, d, Alloc, e)
}

func (r *Recorder) keep(d *Device) {
	r.now[d.Address] = d
	r.devices = append(r.devices, d)
}

// device returns what is, or was last, at the address.
func (r *Recorder) device(address uint64) *Device {
	if d := r.now[address]; d != nil {
		return d
	}
	d := &Device{Address: address}
	r.keep(d)
	return d
}

// add adds a step to the device's history.
func (r *Recorder) add(t *task, d *Device, name string, e trace.Event) *Step {
	r.step = name
	inside := slices.ContainsFunc(t.calls, func(c *call) bool { return c.device == d })
	d.Steps = append(d.Steps, Step{
		Time: e.Time, PID: e.PID, Task: e.Task, Name: name, Args: e.Args,
		Idle: e.Time - t.last, After: t.lastStep,
		Inside: inside, Late: d.Ended,
	})
	return &d.Steps[len(d.Steps)-1]
}

// inside adds a step to the device whose registration the task is in.
func (r *Recorder) inside(t *task, e trace.Event, name string) *Device {
	if len(t.calls) == 0 {
		return nil
	}
	d := t.calls[len(t.calls)-1].device
	r.add(t, d, name, e)
	return d
}

func (r *Recorder) returned(t *task, e trace.Event) {
	if len(t.calls) == 0 {
		return
	}
	c := t.calls[len(t.calls)-1]
	t.calls = t.calls[:len(t.calls)-1]
	s := r.add(t, c.device, Returned, e)
	s.Inside = true
	if exits := trace.Exits(c.events); len(exits) > 0 {
		s.Exit = exits[len(exits)-1].Exit
	}
}

// notify adds the notification if it is a step. The state tells an UNREGISTER
// that tears down from one that moves the device to another namespace
// (dev_change_net_namespace()), and from one that netdev_wait_allrefs() repeats.
func (r *Recorder) notify(t *task, e trace.Event) {
	name := notified[e.Args["val"]]
	if pre, ok := e.Args["pre"]; ok && e.Args["val"] == pre {
		name = PreUninit
	}
	if name == "" {
		return
	}
	d := r.device(address(e))
	state, known := e.Args["state"]
	inside := len(t.calls) > 0 && t.calls[len(t.calls)-1].device == d
	switch {
	case name == Announced && !inside:
		name = MovedIn
	case name == Unregister && known && state == stateRegistered:
		name = MovedOut
	case name == Unregister && known && state == stateUnregistered, name == Unregister && !known && d.has(KobjectDel):
		name = Rebroadcast
	}
	r.add(t, d, name, e)
}

// free adds a call of free_netdev(), which only asks for it while the device is
// being unregistered, and gives the memory back itself only if the device never
// had a kobject.
func (r *Recorder) free(t *task, e trace.Event) {
	d := r.device(address(e))
	state, known := e.Args["state"]
	if !known && d.Begun && !d.has(KobjectAdd) {
		state = stateUninitialized
	} else if !known {
		state = stateUnregistered
	}
	name := Free
	switch caller := uint64(e.Args["caller"]); {
	case state == stateUnregistering:
		name = FreeAsked
	case caller >= uint64(e.Args["core"]) && caller < uint64(e.Args["end"]):
		name = FreeCore
	}
	r.add(t, d, name, e)
	if state == stateUninitialized || state == stateDummy {
		d.Ended = true
		t.freed = d
	}
}

// release ends an incarnation whose memory the kobject owned. Where the offset
// of dev->dev is not known, the device is the one just below it.
func (r *Recorder) release(t *task, e trace.Event) {
	at := address(e)
	if off, ok := e.Args["off"]; ok {
		at -= uint64(off)
	} else {
		at = r.below(at)
	}
	d := r.device(at)
	r.add(t, d, Release, e)
	d.Ended = true
}

// devSpan is more than the offset of dev->dev in struct net_device.
const devSpan = 8192

func (r *Recorder) below(at uint64) uint64 {
	nearest := at
	for address := range r.now {
		if address < at && at-address < devSpan && (nearest == at || address > nearest) {
			nearest = address
		}
	}
	return nearest
}

// plain adds a step that needs no more than its event's name.
func (r *Recorder) plain(t *task, e trace.Event) {
	if kind, ok := strings.CutPrefix(e.Name, eventInitRet); ok {
		if d := r.inside(t, e, Init); d != nil {
			d.Kind = kind
		}
	} else if kind, ok := strings.CutPrefix(e.Name, eventUninit); ok {
		r.driver(t, e, kind, Uninit)
	} else if kind, ok := strings.CutPrefix(e.Name, eventDestructor); ok {
		r.driver(t, e, kind, Destructor).count(t.refs)
	} else if step, ok := stepOf[e.Name]; ok {
		d := r.device(address(e))
		state, known := e.Args["state"]
		if step.state != 0 && (known && state != step.state || !known && !d.has(step.after)) {
			return
		}
		r.add(t, d, step.name, e)
		if step.name == Wait {
			t.waited = append(t.waited, d)
		}
	}
}

// stepOf are the events that are a step of a device in a certain state.
var stepOf = map[string]struct {
	name  string
	state int64  // 0 for any
	after string // what must have happened if the state is not known
}{
	eventList:              {name: List},
	eventUnkobject:         {name: KobjectDel},
	eventFlushUC:           {FlushUC, stateUnregistering, Unregister},
	eventFlushMC:           {FlushMC, stateUnregistering, Unregister},
	eventWait:              {Wait, stateUnregistered, KobjectDel},
	eventWait + syncSuffix: {Wait, stateUnregistered, KobjectDel},
}

// driver adds a call of a function of the driver.
func (r *Recorder) driver(t *task, e trace.Event, kind, name string) *Step {
	d := r.device(address(e))
	if d.Kind == "" { // else the function may be one that kinds share
		d.Kind = kind
	}
	return r.add(t, d, name, e)
}

// count puts the number of references into a step that could not fetch it.
func (s *Step) count(refs map[string]int64) {
	if _, ok := s.Args["refs"]; ok || refs == nil {
		return
	}
	args := maps.Clone(refs)
	maps.Copy(args, s.Args)
	args["refs"] = refs["ret"]
	s.Args = args
}

// settle notes that the devices for which the task waited are behind it:
// netdev_run_todo() neither allocates nor registers any.
func (t *task) settle() {
	for _, d := range t.waited {
		d.Settled = true
	}
	t.waited = nil
}

// forget takes back the end of a device that there never was.
func (r *Recorder) forget(d *Device) {
	if d == nil {
		return
	}
	d.Steps = d.Steps[:len(d.Steps)-1]
	if len(d.Steps) == 0 {
		delete(r.now, d.Address)
	}
}

// Name gives the steps the names of the tasks that made them, by PID.
func (d *Device) Name(tasks map[int]string) {
	for i, s := range d.Steps {
		if name, ok := tasks[s.PID]; ok {
			d.Steps[i].Task = name
		}
	}
}

func (d *Device) has(name string) bool {
	return slices.ContainsFunc(d.Steps, func(s Step) bool { return s.Name == name })
}

func address(e trace.Event) uint64 { return uint64(e.Args["dev"]) }
