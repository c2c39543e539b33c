package wire

import (
	"testing"
	"time"
)

func TestDeadline(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 13 * time.Second, "1": 13 * time.Second, "3": 39 * time.Second,
		"0": 13 * time.Second, "-2": 13 * time.Second, "much": 13 * time.Second,
	} {
		t.Setenv(ScaleEnv, value)
		if got := Deadline(13 * time.Second); got != want {
			t.Errorf("%s=%q: %v, want %v", ScaleEnv, value, got, want)
		}
	}
}
