package tests

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"netdev.test/teardown/initramfs/device"
	"netdev.test/teardown/initramfs/guest"
	"netdev.test/teardown/initramfs/rtnl"
	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// How much is done in a race: how often the device is created and deleted, and
// what each racer does meanwhile, at most.
const (
	raceRounds = 12
	raceSteps  = 6
)

// A racer is what one thread does to a device while another creates and deletes
// it.
type racer struct {
	name string
	may  []unix.Errno // what a step may be refused with
	step func(l *lane) error
}

// gone is what every request for a device may be refused with that is not there
// yet, or not there any more, or in another namespace.
const gone = unix.ENODEV

var (
	// dev_change_name() in net/core/dev.c refuses a device that is up, before 6.2.
	renamer = racer{name: "rename", may: []unix.Errno{gone, unix.EBUSY}, step: func(l *lane) error {
		end := l.which()
		return set(l.here, rtnl.Link{Index: end.Index, Name: end.Name + l.pick("", "a", "b")})
	}}
	flipper = racer{name: "up-down", may: []unix.Errno{gone}, step: func(l *lane) error {
		up := l.rng.IntN(2) == 0
		return set(l.here, rtnl.Link{Index: l.which().Index, Up: up, Down: !up})
	}}
	// __dev_change_net_namespace() in net/core/dev.c.
	mover = racer{name: "move", may: []unix.Errno{gone}, step: func(l *lane) error {
		from, to := l.here, l.race.away.FD
		if l.rng.IntN(2) == 0 {
			from, to = l.there, l.race.home
		}
		return set(from, rtnl.Link{Index: l.which().Index, NetNS: to})
	}}
	dumper = racer{name: "dump", step: func(l *lane) error {
		_, err := []*rtnl.Conn{l.here, l.there}[l.rng.IntN(2)].Links()
		return err
	}}
)

// races says who races with creation and deletion, by kind. A bond cannot be moved
// (NETIF_F_NETNS_LOCAL, later netns_immutable, in bond_setup()).
var races = map[string][][]racer{
	"dummy": {{renamer, flipper}, {mover, dumper}},
	"veth":  {{renamer, flipper}, {mover, flipper}},
	"bond":  {{renamer, flipper}, {dumper}},
}

// TestRace creates and deletes a device while other threads rename it, bring it
// up and down, move it between namespaces, and list it.
func TestRace(t *testing.T) {
	guest.Run(t, func(s *guest.Session) {
		seed, err := raceSeed()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("races use seed %d; to repeat one, set %s=%[1]d", seed, wire.SeedEnv)
		for _, k := range basicKinds() {
			sub := subject{k, k.Ways[0]}
			for _, racers := range races[k.Name] {
				spec := sub.spec("/" + raceName(racers))
				s.Case(spec, func(c *guest.C) { runRace(c, sub, racers, seed, spec.Name) })
			}
		}
	})
}

// raceSeed is the seed that the host gives.
func raceSeed() (uint64, error) {
	seed, err := strconv.ParseUint(os.Getenv(wire.SeedEnv), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", wire.SeedEnv, err)
	}
	return seed, nil
}

func raceName(racers []racer) string {
	var names []string
	for _, r := range racers {
		names = append(names, r.name)
	}
	return strings.Join(names, "+")
}

// race is a device that is created and deleted again and again, and the
// threads that race with that.
type race struct {
	c      *guest.C
	sub    subject
	device device.Device
	seed   uint64
	home   int // descriptor of the namespace in which the device is created
	away   *guest.Namespace
	lanes  []*lane
}

// runRace makes all rounds.
func runRace(c *guest.C, sub subject, racers []racer, seed uint64, name string) {
	// Go is slow to notice that a thread waits in the kernel, and to let others run
	// meanwhile: one of its processors for each thread.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(len(racers) + 2))
	r := &race{c: c, sub: sub, device: sub.plain(), seed: seed, away: inNamespace(c)}
	c.Env.OnClose(r.away.Close)
	var err error
	r.home, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	c.Unless(err)
	c.Env.OnClose(func() error { return unix.Close(r.home) })
	defer r.dismiss()
	rng := random(seed, name)
	for i, racer := range racers {
		r.enter(racer, random(seed, name, strconv.Itoa(i)))
	}
	create, remove := sub.create(c, r.device), r.remove()
	for round := range raceRounds {
		r.round(rng, create, remove, round)
		c.Progress(round+1, raceRounds)
	}
}

// dismiss ends the racers' threads. A racer that never found the device proves
// nothing.
func (r *race) dismiss() {
	for _, l := range r.lanes {
		if o := r.c.Do(action(l.end)); o.Err != nil {
			r.c.Blind(verdict.Trigger, o.Err.Error())
		} else if l.met == 0 {
			r.c.Blind(verdict.Trigger, fmt.Sprintf("no %s found the device: nothing raced (%s=%d)", l.racer.name, wire.SeedEnv, r.seed))
		}
	}
}

// random is a source that depends on the seed and the words, and on nothing else.
func random(seed uint64, words ...string) *rand.Rand {
	h := fnv.New64a()
	for _, w := range words {
		fmt.Fprintln(h, w)
	}
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// round creates and deletes the device once. Meanwhile each racer makes some
// steps: from the creation on, or from before the deletion on.
func (r *race) round(rng *rand.Rand, create device.Op, remove []device.Op, number int) {
	early := rng.IntN(2) == 0
	if early {
		r.start(rng)
	}
	r.must("creation", r.c.Do(create), number)
	if !early {
		r.start(rng)
		r.await(func(l *lane) error { return <-l.first }, number)
	}
	r.die(remove, number)
	if early {
		r.await(func(l *lane) error { return <-l.first }, number)
	}
	r.await(func(l *lane) error { return <-l.rest }, number)
}

// start has each racer begin.
func (r *race) start(rng *rand.Rand) {
	for _, l := range r.lanes {
		l.rounds <- 1 + rng.IntN(raceSteps)
	}
}

// await waits for every racer, under the deadline.
func (r *race) await(what func(l *lane) error, number int) {
	for _, l := range r.lanes {
		var refused error
		r.c.Do(action(func() error { refused = what(l); return nil }))
		if refused != nil {
			r.find(l.racer.name, refused, number)
		}
	}
}

// remove returns the operations that delete the device in either namespace.
func (r *race) remove() []device.Op {
	request, err := rtnl.Link{Index: r.device.Index}.Delete()
	r.c.Unless(err)
	return []device.Op{device.Netlink(r.c.Env.Netlink, request), device.Netlink(r.away.Netlink, request)}
}

// deletions is how often the device may be missed when it is moved to and fro: more
// often than it can be moved in a round.
const deletions = 2*raceSteps + 2

// die deletes the device where it is.
func (r *race) die(remove []device.Op, number int) {
	moves := slices.ContainsFunc(r.lanes, func(l *lane) bool { return l.racer.name == mover.name })
	for i := range deletions {
		o := r.c.Do(remove[i%2])
		if !o.Refused() {
			return
		}
		if !moves || o.Errno() != gone {
			r.must("deletion", o, number)
			return
		}
	}
	r.find("deletion", errors.New("the device is in neither namespace"), number)
}

// must checks that what the race needs was not refused.
func (r *race) must(what string, o guest.Outcome, round int) {
	if o.Refused() {
		r.find(what, o.Err, round)
	}
}

// find reports an error that is not one of the race's.
func (r *race) find(what string, err error, round int) {
	words := err.Error()
	var errno unix.Errno
	if errors.As(err, &errno) {
		words = unix.ErrnoName(errno)
	}
	r.c.Find(verdict.Errno, fmt.Sprintf("%s in a race: %s", what, words),
		fmt.Sprintf("round %d: %v\nto repeat it, set %s=%d", round, err, wire.SeedEnv, r.seed))
}

// lane is the thread of one racer.
type lane struct {
	race   *race
	racer  racer
	rng    *rand.Rand
	here   *rtnl.Conn   // in the namespace in which the device is created
	there  *rtnl.Conn   // in the other one
	rounds chan int     // how many steps to make
	first  chan error   // what was refused of a round's first step, and must not be
	rest   chan error   // the same for the other steps
	met    int          // steps that found the device
	end    func() error // ends the thread, and waits for that
}

// enter starts the thread of one racer.
func (r *race) enter(who racer, rng *rand.Rand) {
	l := &lane{race: r, racer: who, rng: rng, rounds: make(chan int), first: make(chan error, 1), rest: make(chan error, 1)}
	ready := make(chan error, 1)
	wait := aside(r.c, func() error {
		err := l.connect()
		ready <- err
		if err != nil {
			return err
		}
		for steps := range l.rounds {
			l.first <- l.run(1)
			l.rest <- l.run(steps - 1)
		}
		return errors.Join(l.here.Close(), l.there.Close())
	})
	l.end = func() error {
		close(l.rounds)
		return wait()
	}
	r.lanes = append(r.lanes, l)
	r.c.Unless(<-ready)
}

// connect opens a socket in each namespace.
func (l *lane) connect() (err error) {
	if l.here, err = rtnl.Dial(); err != nil {
		return err
	}
	if err := unix.Setns(l.race.away.FD, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the other namespace: %w", err)
	}
	if l.there, err = rtnl.Dial(); err != nil {
		return err
	}
	if err := unix.Setns(l.race.home, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("leave the other namespace: %w", err)
	}
	return nil
}

// run makes some steps, and returns the first refusal that is none of the racer's.
func (l *lane) run(steps int) (refused error) {
	for range steps {
		err := l.racer.step(l)
		var errno unix.Errno
		switch {
		case err == nil || errors.Is(err, rtnl.ErrNoAck):
			l.met++
		case !errors.As(err, &errno) || !slices.Contains(l.racer.may, errno):
			refused = cmp.Or(refused, err)
		}
	}
	return refused
}

// which chooses one end of a pair, or the device itself.
func (l *lane) which() device.Device {
	d := l.race.device
	if d.Peer != nil && l.rng.IntN(2) == 0 {
		return *d.Peer
	}
	return d
}

func (l *lane) pick(of ...string) string { return of[l.rng.IntN(len(of))] }

// set asks for a change of a device.
func set(conn *rtnl.Conn, l rtnl.Link) error {
	request, err := l.Set()
	if err != nil {
		return err
	}
	return conn.Do(request)
}

// aside runs f on a thread of its own that belongs to the case. What it returns
// waits for the end of f.
func aside(c *guest.C, f func() error) (wait func() error) {
	var err error
	done := c.Thread(func() { err = f() })
	return func() error {
		<-done
		return err
	}
}
