package suite

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
	"netdev.test/teardown/runner/gotest"
)

// lab boots fake guests, which speak the protocol over pipes.
type lab struct {
	cases   []string                // of the suite, in order
	quirk   map[string]func(*fake)  // what a guest does in place of its part, see fake.do
	boots   int                     // so far
	mu      sync.Mutex              // of the following
	ran     map[string][]int        // the guests that provoked each case
	begin   map[int]wire.Begin      // what each guest was told to begin with
	kept    []*fakeSnapshot         // the snapshots that were taken
	lacking bool                    // the kernel has nothing of what the cases need
	plain   func(f *fake)           // a test function that claims nothing
	hook    func(f *fake, c string) // called while a case runs
}

// fake is one fake guest.
type fake struct {
	lab     *lab
	number  int
	resumes bool // from a snapshot
	console io.Writer
	here    map[string]net.Conn // the guest's ends of the ports
	there   map[string]net.Conn
	grants  *json.Decoder
	nmi     chan struct{}
	dead    chan struct{}
	gone    chan struct{}
	once    sync.Once
	failed  bool
	held    []string // cases that settled
}

// fakeSnapshot is a snapshot of which only its end matters.
type fakeSnapshot struct{ closed bool }

func (s *fakeSnapshot) Close() error { s.closed = true; return nil }

// Boot starts a fake guest. The quirk "boot" keeps it from starting.
func (l *lab) Boot(ctx context.Context, number int, from Snapshot, console io.Writer) (Guest, error) {
	l.mu.Lock()
	l.boots++
	l.mu.Unlock()
	if l.quirk["boot"] != nil || l.quirk[fmt.Sprintf("%d boot", number)] != nil {
		return nil, errors.New("qemu failed: no such machine")
	}
	f := &fake{
		lab: l, number: number, resumes: from != nil, console: console,
		here: map[string]net.Conn{}, there: map[string]net.Conn{},
		nmi: make(chan struct{}, 1), dead: make(chan struct{}), gone: make(chan struct{}),
	}
	for _, port := range []string{wire.StdoutPort, wire.ControlPort, wire.CasePort} {
		f.here[port], f.there[port] = net.Pipe()
	}
	f.grants = json.NewDecoder(f.here[wire.CasePort])
	stop := context.AfterFunc(ctx, f.die)
	go func() {
		defer close(f.gone)
		defer stop()
		defer f.die()
		f.live()
	}()
	return f, nil
}

func (f *fake) Port(name string) io.ReadWriteCloser { return f.there[name] }

// Save takes a snapshot. The quirk "save" keeps it from that.
func (f *fake) Save() (Snapshot, error) {
	if f.lab.quirk["save"] != nil {
		return nil, errors.New("take a snapshot: no room")
	}
	s := &fakeSnapshot{}
	f.lab.mu.Lock()
	defer f.lab.mu.Unlock()
	f.lab.kept = append(f.lab.kept, s)
	return s, nil
}

func (f *fake) NMI() error {
	select {
	case f.nmi <- struct{}{}:
	default:
	}
	return nil
}

func (f *fake) Kill() error {
	f.die()
	return nil
}

func (f *fake) Wait() error {
	<-f.gone
	return nil
}

// die ends the guest as QEMU's end does. The goroutine of the guest ends when
// it next does something.
func (f *fake) die() {
	f.once.Do(func() {
		close(f.dead)
		for _, c := range f.here {
			c.Close()
		}
	})
}

// panics is the kernel's panic.
func (f *fake) panics(why string) {
	fmt.Fprintf(f.console, "[    3.000000] Kernel panic - not syncing: %s\n[    3.000001] Rebooting\n", why)
	f.die()
	runtime.Goexit()
}

// hangs is silence until the guest is killed; with an answer to the NMI, if
// there is one.
func (f *fake) hangs(answer string) {
	select {
	case <-f.dead:
	case <-f.nmi:
		io.WriteString(f.console, answer)
		<-f.dead
	}
	runtime.Goexit()
}

// send writes to a port.
func (f *fake) send(port, text string) {
	if _, err := io.WriteString(f.here[port], text); err != nil {
		runtime.Goexit()
	}
}

func (f *fake) message(port string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	f.send(port, string(body)+"\n")
}

// print writes lines of the test binary; ^ stands for its marker.
func (f *fake) print(lines ...string) {
	for _, line := range lines {
		f.send(wire.StdoutPort, strings.ReplaceAll(line, "^", "\x16")+"\n")
	}
}

func (f *fake) tell(m wire.Message) { f.message(wire.CasePort, m) }

// do runs what is to happen at a point of the guest's life: the quirk named
// "2 scan", for the second guest, or "scan", for any, or else usual.
func (f *fake) do(point string, usual func()) {
	for _, name := range []string{fmt.Sprintf("%d %s", f.number, point), point} {
		if quirk := f.lab.quirk[name]; quirk != nil {
			quirk(f)
			return
		}
	}
	usual()
}

// live is the life of a guest: the supervisor's part.
func (f *fake) live() {
	control := bufio.NewReader(f.here[wire.ControlPort])
	if !f.resumes {
		fmt.Fprintf(f.console, "[    0.000000] Linux version 6.12.117-teardown\n")
		f.do("hello", func() { f.message(wire.ControlPort, wire.Hello{Release: "6.12.117-teardown"}) })
		if _, err := control.ReadBytes('\n'); err != nil {
			return
		}
	}
	f.do("tests", f.tests)
	code := 0
	if f.failed {
		code = 1
	}
	f.do("finished", func() { f.tell(wire.Message{Type: wire.Finished, Done: code}) })
	f.do("exit", func() { f.message(wire.ControlPort, wire.Exit{Code: code}) })
	// The host answers when it has all, or does not.
	f.here[wire.ControlPort].SetReadDeadline(time.Now().Add(time.Second))
	control.ReadBytes('\n')
}

// tests is the test binary's part, with all cases below TestA.
func (f *fake) tests() {
	if f.resumes {
		f.do("resumed", func() {})
	} else {
		f.tell(wire.Message{Type: wire.Control, Control: &wire.ControlOutcome{Oracle: verdict.Log, Saw: true}})
		f.do("ready", func() { f.tell(wire.Message{Type: wire.Ready}) })
	}
	var b wire.Begin
	if err := f.grants.Decode(&b); err != nil {
		return
	}
	f.lab.mu.Lock()
	f.lab.begin[f.number] = b
	f.lab.mu.Unlock()
	f.print("^=== RUN   TestA")
	for _, c := range f.lab.cases {
		f.oneCase(c)
	}
	f.print("^=== PAUSE TestA", "^=== NAME  ")
	if f.lab.plain != nil {
		f.lab.plain(f)
	}
	f.print("^=== CONT  TestA")
	f.do("scan", func() { f.tell(wire.Message{Type: wire.Phase, Phase: "scan", Seconds: 0.5}) })
	for _, c := range f.held {
		f.print("^=== CONT  " + c)
		f.do("verdict "+c, func() { f.concludes(c, verdict.Case{Name: c, Verdict: verdict.Pass}, "PASS") })
	}
	word := "PASS"
	if f.failed {
		word = "FAIL"
	}
	f.print("^--- "+word+": TestA (1.00s)", "^=== NAME  ")
	f.do("final", func() { f.print("^" + word) })
}

// oneCase is a case up to its pause.
func (f *fake) oneCase(c string) {
	f.print("^=== RUN   " + c)
	if !f.claims(c) {
		f.print("^--- SKIP: "+c+" (0.00s)", "^=== NAME  TestA")
		return
	}
	f.lab.mu.Lock()
	f.lab.ran[c] = append(f.lab.ran[c], f.number)
	f.lab.mu.Unlock()
	if f.lab.hook != nil {
		f.lab.hook(f, c)
	}
	f.print("    provoking")
	f.do(c, func() {})
	f.tell(wire.Message{Type: wire.Settled, Test: c})
	f.held = append(f.held, c)
	f.print("^=== PAUSE "+c, "^=== NAME  TestA")
}

// claims asks for a case.
func (f *fake) claims(c string) bool {
	about := &verdict.Case{Kind: "bond", Exit: "E8", Trigger: "name"}
	if f.lab.lacking {
		about.Verdict = verdict.Skip
	}
	f.tell(wire.Message{Type: wire.Claim, Test: c, Case: about})
	var g wire.Grant
	if err := f.grants.Decode(&g); err != nil {
		runtime.Goexit()
	}
	return g.Granted
}

// concludes sends a verdict and ends the test.
func (f *fake) concludes(c string, v verdict.Case, word string) {
	f.tell(wire.Message{Type: wire.Verdict, Test: c, Case: &v})
	f.ends(c, word)
}

// ends ends the test.
func (f *fake) ends(c, word string) {
	f.failed = f.failed || word == "FAIL"
	f.print("^--- "+word+": "+c+" (0.10s)", "^=== NAME  TestA")
}

// provoked returns the guests that provoked the case.
func (l *lab) provoked(c string) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ran[c])
}

// nopMerger is a merger whose stream nobody reads.
func nopMerger() *gotest.Merger { return gotest.NewMerger(func(gotest.Event) {}) }
