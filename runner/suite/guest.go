package suite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"netdev.test/teardown/initramfs/wire"
	"netdev.test/teardown/runner/gotest"
)

// guest is one guest of the run. All fields but heard and up belong to the goroutine
// of the session.
type guest struct {
	number  int
	only    map[string]*work // what a guest that repeats cases is for; nil: whatever is not taken
	machine Guest            // nil while it is being started
	console *console
	parser  *gotest.Parser
	from    *readyGuest  // that it goes on from; nil for one that boots
	out     chan message // to the guest
	open    int          // of its ports and its machine, how many have not ended
	heard   atomic.Int64 // when it last showed a sign of life, in ns since 1970
	up      atomic.Bool  // it has said hello

	began, hello, bye time.Time // zero until then; bye is its last word
	saidHello         bool
	ready             bool  // its test binary was
	saving            bool  // a snapshot of it is being taken
	unsaved           error // why there is none
	exit              *wire.Exit
	finished          bool // its last message came
	final             bool // the test binary printed its last line
	answered          bool
	nmi, panicked     time.Time // zero, or when

	killed  string // why the host ended it
	unfit   string // why it gets no more cases
	garbage bool   // it is killed for what it sent
	unasked bool   // it left out a case without asking
	failed  int    // tests that failed in it
	said    []byte // the end of what its test binary printed outside tests
	cases   []*work
	mark    int     // in the console, where its last case began
	nmiMark int     // and where it was when the NMI was sent
	phases  float64 // seconds of the phases that it told
	boot    bootRecord
	waitErr error
}

// message is something to tell a guest.
type message struct {
	port string
	body []byte
}

// maxUnread is how many messages may wait for a guest to read them. It asks
// one question at a time.
const maxUnread = 64

// ports is what of a guest ends when it does: its ports, and its machine.
const ports = 4

// start starts a guest that is granted only the given cases, or, if that is
// nil, what no other has.
func (s *session) start(only map[string]*work) {
	s.booted++
	g := &guest{number: s.booted, only: only, began: time.Now(), out: make(chan message, maxUnread)}
	g.boot.Number = g.number
	var err error
	if g.console, err = openConsole(s.config.Out, g.number); err != nil {
		s.abort(err)
		return
	}
	g.console.heard = g.aliveByConsole
	g.console.panic = func() { s.post(func() { g.panicked = time.Now() }) }
	g.parser = gotest.NewParser(func(e gotest.Event) { s.tested(g, e) })
	s.guests = append(s.guests, g)
	s.progress(g, Event{Phase: phaseBoot})
	from := s.resume(g)
	s.helpers.Go(func() {
		machine, err := s.config.Booter.Boot(s.ctx, g.number, from, g.console)
		s.post(func() { s.attach(g, machine, err) })
	})
}

// attach begins to listen to a guest that was started.
func (s *session) attach(g *guest, machine Guest, err error) {
	if err != nil {
		g.waitErr = err
		s.over(g)
		return
	}
	g.machine = machine
	g.alive()
	if g.killed != "" {
		machine.Kill()
	}
	g.open = ports
	s.helpers.Go(func() { s.readOutput(g) })
	s.helpers.Go(func() { s.readMessages(g, wire.ControlPort, s.control) })
	s.helpers.Go(func() { s.readMessages(g, wire.CasePort, s.told) })
	s.helpers.Go(func() {
		err := machine.Wait()
		s.post(func() { g.waitErr = err; s.closed(g) })
	})
	s.helpers.Go(func() { g.write() })
	if g.from != nil {
		s.begin(g)
	}
}

// alive notes a sign of life.
func (g *guest) alive() { g.heard.Store(time.Now().UnixNano()) }

// aliveByConsole takes what the kernel says for a sign of life until the guest
// has said hello. After that it is none: a kernel that hangs complains of it
// again and again.
func (g *guest) aliveByConsole() {
	if !g.up.Load() {
		g.alive()
	}
}

// leaving reports whether the guest is about to be gone.
func (g *guest) leaving() bool {
	return g.killed != "" || !g.bye.IsZero() || g.machine != nil && g.open < ports
}

// closed notes that one of a guest's ports, or its machine, has ended.
func (s *session) closed(g *guest) {
	if g.open--; g.open == 0 && !g.saving {
		s.over(g)
	}
}

// readOutput reads what the test binary prints.
func (s *session) readOutput(g *guest) {
	port := g.machine.Port(wire.StdoutPort)
	for {
		buf := make([]byte, 32<<10)
		n, err := port.Read(buf)
		if n > 0 {
			g.alive()
			s.post(func() { g.parser.Write(buf[:n]) })
		}
		if err != nil {
			break
		}
	}
	s.post(func() { g.parser.Close(); s.closed(g) })
}

// readMessages reads the messages on a port.
func (s *session) readMessages(g *guest, name string, take func(*guest, []byte) error) {
	port := g.machine.Port(name)
	judge := func(err error) {
		if err != nil {
			s.garbage(g, name, err)
		}
	}
	err := readLines(port, func(line []byte) {
		g.alive()
		line = bytes.Clone(line)
		s.post(func() {
			if !g.garbage {
				judge(take(g, line))
			}
		})
	})
	s.post(func() { judge(err) })
	io.Copy(io.Discard, port) // so that nothing keeps the guest from ending
	s.post(func() { s.closed(g) })
}

// garbage ends a guest that does not keep to the protocol.
func (s *session) garbage(g *guest, port string, err error) {
	if g.killed == "" {
		g.garbage = true
		s.kill(g, fmt.Sprintf("it sent on %s what makes no sense: %v", port, err))
	}
}

// tell sends a message to the guest, if it is there, without waiting for it.
func (s *session) tell(g *guest, port string, v any) {
	if g.open == 0 {
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		s.abort(fmt.Errorf("tell guest %d: %w", g.number, err))
		return
	}
	select {
	case g.out <- message{port, append(body, '\n')}:
	default:
		s.garbage(g, port, fmt.Errorf("it does not read %d answers", maxUnread))
	}
}

// write writes to the guest until there is nothing more to write. That it is
// gone is told by its other goroutines.
func (g *guest) write() {
	for m := range g.out {
		g.machine.Port(m.port).Write(m.body)
	}
}

// kill ends the guest, for the first reason only.
func (s *session) kill(g *guest, why string) {
	if g.killed != "" {
		return
	}
	g.killed = why
	if g.machine == nil {
		return // attach will
	}
	if err := g.machine.Kill(); err != nil {
		s.note(fmt.Sprintf("guest %d cannot be killed: %v", g.number, err))
	}
}

// deadline is when something must be done about the guest if it stays silent;
// zero for never.
func (s *session) deadline(g *guest) time.Time {
	switch {
	case g.machine == nil || g.killed != "":
		return time.Time{}
	case !g.nmi.IsZero():
		return g.nmi.Add(s.scaled(nmiGrace))
	case !g.panicked.IsZero():
		return g.panicked.Add(s.scaled(nmiGrace))
	case !g.bye.IsZero():
		return g.bye.Add(s.scaled(exitGrace))
	case !g.saidHello:
		return g.began.Add(s.scaled(s.config.BootLimit))
	}
	return time.Unix(0, g.heard.Load()).Add(s.scaled(s.config.Idle))
}

// expire does what must be done about a guest whose deadline is over.
func (s *session) expire(g *guest) {
	switch {
	case !g.nmi.IsZero():
		s.kill(g, fmt.Sprintf("it hung: no sign of life for %v", s.scaled(s.config.Idle)))
	case !g.panicked.IsZero():
		s.kill(g, "its kernel panicked and did not reboot")
	case !g.bye.IsZero():
		s.kill(g, "it did not power off")
	case !g.saidHello:
		s.kill(g, fmt.Sprintf("it did not say hello within %v", s.scaled(s.config.BootLimit)))
	default:
		g.nmi, g.nmiMark = time.Now(), g.console.mark()
		s.helpers.Go(func() { g.machine.NMI() }) // if it has no effect the kill has
	}
}

// scaled is d for the accelerator and the profile in use.
func (s *session) scaled(d time.Duration) time.Duration {
	return d * time.Duration(s.config.Accel.Scale()*s.config.Scale)
}
