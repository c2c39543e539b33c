package fault

import (
	"strings"
	"testing"
)

func TestAim(t *testing.T) {
	for _, tt := range []struct {
		name  string
		n     int    // of an injection
		hit   string // the call stack that it hit
		place int    // that is aimed at next
		want  int
	}{
		{"on the mark", 3, "c", 3, 4},
		{"one came", 4, "c", 3, 5},
		{"two came", 6, "d", 5, 8},
		{"one went", 2, "c", 4, 4},
		{"beyond the end", 9, "f", 5, 9},
		{"before the beginning", 1, "c", 0, 1},
		{"the nearer one of two", 8, "a", 7, 9},
		{"an unknown one", 3, "x", 3, 4},
		{"none that is known", 3, "", 3, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := NewAim(strings.Split("abcdefabc", ""))
			a.Hit(tt.n, tt.hit)
			if got := a.At(tt.place); got != tt.want {
				t.Errorf("At(%d) = %d after injection %d hit %q, want %d", tt.place, got, tt.n, tt.hit, tt.want)
			}
		})
	}
}
