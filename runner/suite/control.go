package suite

import (
	"errors"
	"fmt"
	"time"

	"netdev.test/teardown/initramfs/wire"
)

// control takes a message of the guest's supervisor.
func (s *session) control(g *guest, line []byte) error {
	switch {
	case !g.saidHello && g.from == nil:
		return s.greet(g, line)
	case g.exit == nil:
		var exit wire.Exit
		if err := decode(line, &exit); err != nil {
			return err
		}
		g.exit, g.bye = &exit, time.Now()
		s.hangUp(g)
		return nil
	}
	return errors.New("a message after the exit")
}

// greet takes the guest's first message and tells it what to run.
func (s *session) greet(g *guest, line []byte) error {
	var hello wire.Hello
	if err := decode(line, &hello); err != nil {
		return err
	}
	if hello.Release == "" {
		return errors.New("a hello without a kernel release")
	}
	if want := s.config.Kernel.Release; want != "" && hello.Release != want {
		s.abort(fmt.Errorf("%w: it runs Linux %s, and %s was to be tested", ErrGuest, hello.Release, want))
		return nil
	}
	if len(hello.Lacking) > 0 {
		s.note(fmt.Sprintf("the kernel lacks %q, which was asked for, and %d more", hello.Lacking[0], len(hello.Lacking)-1))
	}
	s.greeted(g, hello.Release, phaseBoot)
	s.tell(g, wire.ControlPort, wire.Start{Args: s.plan.guest, Env: s.config.Env})
	return nil
}

// greeted notes that the guest is up, after a phase that was as long as it lives.
func (s *session) greeted(g *guest, release, phase string) {
	g.saidHello, g.hello = true, time.Now()
	g.up.Store(true)
	g.boot.Release = release
	s.release, s.bootFailures = release, 0
	s.phase(phase, g.hello.Sub(g.began).Seconds())
	s.phase(phaseCases, 0) // before those that the guest tells
	s.progress(g, Event{Phase: phaseCases})
}

// hangUp answers the guest's exit when nothing it sent can still be on its
// way: the guest powers off then. Without an answer it does so after a while.
func (s *session) hangUp(g *guest) {
	if g.exit == nil || !g.final || g.answered {
		return
	}
	for _, w := range g.cases {
		if w.guest == g && w.state != over {
			return
		}
	}
	g.answered = true
	s.tell(g, wire.ControlPort, struct{}{})
}
