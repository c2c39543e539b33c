package guest

import (
	"slices"
	"sync"
	"testing"
)

// TestTurns checks that tests take turns in the order in which they entered,
// whatever order their goroutines are started in, and that a further pass is a
// round of its own.
func TestTurns(t *testing.T) {
	t.Cleanup(func() { current = nil })
	for pass := range 2 {
		const n = 8
		var rounds []*round
		for want := range n {
			r, place := enter()
			if place != want {
				t.Fatalf("pass %d: place %d, want %d", pass, place, want)
			}
			rounds = append(rounds, r)
		}
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for place := n - 1; place >= 0; place-- {
			all.Go(func() {
				r := rounds[place]
				r.start(place)
				mu.Lock()
				order = append(order, place)
				mu.Unlock()
				r.leave(place)
			})
		}
		all.Wait()
		<-rounds[0].over
		if !slices.IsSorted(order) || len(order) != n {
			t.Errorf("pass %d: turns were taken in order %v", pass, order)
		}
	}
}
