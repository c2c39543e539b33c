package suite

import "time"

// Event tells how far a run is.
type Event struct {
	Phase   string        // boot, cases, or what the guest calls its phase: baseline, leak wait, scan
	Case    string        // the case it is about, if any
	Done    int           // cases that ended
	Wanted  int           // cases that are to run; 0 while that is not known
	Elapsed time.Duration // since the run began
	Boot    int           // guest, from 1
	Step    int           // steps of the case that are done
	Of      int           // steps of the case; 0 when not known
}

// Phases of a guest by the host's clock.
const (
	phaseBoot   = "power-on to init"
	phaseResume = "resume"   // from a snapshot to the first word
	phaseSave   = "snapshot" // while the guest stands still
	phaseCases  = "cases"
)

// progress tells the caller about guest g.
func (s *session) progress(g *guest, e Event) {
	e.Done, e.Elapsed, e.Boot = len(s.cases), time.Since(s.began), g.number
	if s.round != nil && s.round.enumerated {
		e.Wanted = s.wanted + len(s.round.works)
	}
	s.config.Progress(e)
}
