package suite

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"netdev.test/teardown/initramfs/wire"
	"netdev.test/teardown/runner/result"
)

// control takes a message of the guest's supervisor.
func (s *session) control(g *guest, line []byte) error {
	switch {
	case !g.saidHello:
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
	g.saidHello, g.hello = true, time.Now()
	g.up.Store(true)
	g.boot.Release = hello.Release
	s.release, s.bootFailures = hello.Release, 0
	s.phase(phaseBoot, g.hello.Sub(g.began).Seconds())
	s.phase(phaseCases, 0) // before those that the guest tells
	s.progress(g, Event{Phase: phaseCases})
	s.tell(g, wire.ControlPort, wire.Start{Args: s.args(g), Env: s.config.Env})
	return nil
}

// args are the arguments of the guest's test binary. One that is for a single case
// need not go through all others.
func (s *session) args(g *guest) []string {
	args := slices.Clone(s.plan.guest)
	if len(g.only) == 1 {
		for name := range g.only {
			args = append(args, "-test.run="+result.ExactFilter(name))
		}
	}
	return args
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
