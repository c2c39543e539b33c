package guest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"netdev.test/teardown/initramfs/kmemleak"
	"netdev.test/teardown/initramfs/kmod"
	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// plantModule is the kernel's own samples/kmemleak/kmemleak-test.c, for kernels
// without our module: loading it loses memory of which kmemleak must report some.
const (
	plantModule = "kmemleak-test"
	plantComm   = "planted"
)

// openDetector plants the leak that the scan must find: the positive control of
// kmemleak in this boot. It comes first, so that it has the age that kmemleak
// asks for when the cases are over.
func (m *machine) openDetector() error {
	d := kmemleak.New(kmemleak.DebugFS)
	err := errors.Join(d.Enabled(), d.StopThread())
	if errors.Is(err, kmemleak.ErrAbsent) {
		m.lacking(verdict.Kmemleak, kmemleak.ErrAbsent.Error())
		return nil
	}
	if err != nil {
		m.controlled(verdict.Kmemleak, false, err.Error())
		return nil
	}
	m.detector = d
	onThread(func() { m.planted = errors.Join(setComm(plantComm), m.plantLeak()) })
	m.plantedAt = time.Now()
	return nil
}

func (m *machine) plantLeak() error {
	if m.module != nil {
		return m.module.Plant(kmod.Leak)
	}
	return m.modules.Load(plantModule, "")
}

// controlled tells the host the outcome of a positive control. An oracle that
// did not see what was planted is blind in every case of this boot.
func (m *machine) controlled(oracle verdict.Oracle, saw bool, detail string) {
	m.host.send(wire.Message{Type: wire.Control, Control: &wire.ControlOutcome{Oracle: oracle, Saw: saw, Detail: detail}})
	if !saw {
		m.blind = append(m.blind, verdict.Finding{Oracle: oracle, Title: "the positive control failed: " + detail})
	}
}

// scan waits for the end of the round's provocations and for its one leak scan,
// which the first case to come here makes.
func (r *round) scan() {
	<-r.over
	r.once.Do(func() {
		defer close(r.scanned)
		if self.detector != nil {
			self.scan(r.cases)
		}
		self.checkMissed()
		self.tellTimes()
	})
	<-r.scanned
}

// scan charges the leaks to the cases.
func (m *machine) scan(cases []*C) {
	last := m.plantedAt
	for _, c := range cases {
		if c.endedAt.After(last) {
			last = c.endedAt
		}
	}
	err := m.bury()
	var leaks []kmemleak.Leak
	if err == nil {
		leaks, err = m.collect(last)
	}
	if err != nil {
		m.controlled(verdict.Kmemleak, false, err.Error())
		return
	}
	planted, leaks := split(leaks)
	if len(planted) == 0 {
		detail := "the planted leak was not reported"
		if m.planted != nil {
			detail = m.planted.Error()
		}
		m.controlled(verdict.Kmemleak, false, detail)
		return
	}
	m.controlled(verdict.Kmemleak, true, planted[0].Title())
	for _, l := range leaks {
		charge(cases, l)
	}
}

// collect waits for the age that kmemleak asks for and scans, and tells the host
// how long each took.
func (m *machine) collect(last time.Time) ([]kmemleak.Leak, error) {
	m.host.send(wire.Message{Type: wire.Phase, Phase: "leak wait"})
	var waited time.Duration
	clock := kmemleak.SystemClock()
	sleep := clock.Sleep
	clock.Sleep = func(ctx context.Context, d time.Duration) error {
		waited += d
		return sleep(ctx, d)
	}
	begin := time.Now()
	leaks, err := m.detector.Collect(context.Background(), last, clock)
	m.host.send(wire.Message{Type: wire.Phase, Phase: "leak wait", Seconds: waited.Seconds()})
	m.host.send(wire.Message{Type: wire.Phase, Phase: "scan", Seconds: (time.Since(begin) - waited).Seconds()})
	return leaks, err
}

// split separates what was planted from the rest.
func split(leaks []kmemleak.Leak) (planted, rest []kmemleak.Leak) {
	for _, l := range leaks {
		if l.Comm == plantComm {
			planted = append(planted, l)
		} else {
			rest = append(rest, l)
		}
	}
	return planted, rest
}

// charge adds the leak to the case whose thread made the allocation, known by
// its comm. What somebody else allocated on a case's behalf, such as a worker, is
// charged to the case that ran then, or ran last. What is older than all cases
// is the boot's.
func charge(cases []*C, l kmemleak.Leak) {
	var owner *C
	serial, injection, ok := parseComm(l.Comm)
	for _, c := range cases {
		switch {
		case ok && c.serial == serial:
			owner = c
		case !ok && c.began <= l.Jiffies && (owner == nil || owner.began < c.began):
			owner = c
		}
	}
	if owner == nil {
		return
	}
	owner.leaks = append(owner.leaks, charged{l, injection})
}

// A charged leak is one that a case has to answer for.
type charged struct {
	leak      kmemleak.Leak
	injection int // that provoked it; 0 when none did, or it is not known
}

// addLeaks turns the leaks that the case was charged with into findings: one for
// each title, because a sweep meets the same leak at many injections.
func (c *C) addLeaks() {
	slices.SortStableFunc(c.leaks, func(a, b charged) int { return cmp.Compare(a.injection, b.injection) })
	var titles []string
	met := map[string][]charged{}
	for _, l := range c.leaks {
		title := l.leak.Title()
		if met[title] == nil {
			titles = append(titles, title)
		}
		met[title] = append(met[title], l)
	}
	for _, title := range titles {
		first := met[title][0]
		c.result.Evidence = append(c.result.Evidence, verdict.Finding{
			Oracle:    verdict.Kmemleak,
			Title:     title,
			Detail:    occasions(met[title]) + first.leak.String(),
			Injection: first.injection,
		})
	}
}

// occasionsShown is how many injections are listed by number.
const occasionsShown = 12

// occasions says how often the same leak was met, and at which injections.
func occasions(leaks []charged) string {
	if len(leaks) == 1 {
		return ""
	}
	var at []string
	for _, l := range leaks {
		if n := strconv.Itoa(l.injection); l.injection > 0 && !slices.Contains(at, n) {
			at = append(at, n)
		}
	}
	text := fmt.Sprintf("%d objects", len(leaks))
	if len(at) > 0 {
		text += " at injections " + strings.Join(at[:min(len(at), occasionsShown)], ", ")
	}
	if len(at) > occasionsShown {
		text += fmt.Sprintf(" and %d more", len(at)-occasionsShown)
	}
	return text + "; the first:\n"
}

// parseComm reads a thread name that [comm] made.
func parseComm(name string) (serial, injection int, ok bool) {
	rest, ok := strings.CutPrefix(name, "td")
	if !ok {
		return 0, 0, false
	}
	first, second, ok := strings.Cut(rest, ".")
	if !ok {
		return 0, 0, false
	}
	serial, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	injection, err = strconv.Atoi(second)
	return serial, injection, err == nil
}
