package score

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// JSONFile is the name of the file that [Write] makes.
const JSONFile = "mutants.json"

// Write writes mutants.json into dir, which it makes where it is missing.
func Write(dir string, s *Score) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the score: %w", err)
	}
	whole := *s
	whole.SchemaVersion = SchemaVersion
	whole.Mutants = make([]Mutant, len(s.Mutants))
	for i, m := range s.Mutants {
		m.Commit, m.Expected, m.Kills, m.Runs = filled(m.Commit), filled(m.Expected), filled(m.Kills), filled(m.Runs)
		whole.Mutants[i] = m
	}
	if s.Control != nil {
		control := *s.Control
		control.Failed = filled(control.Failed)
		whole.Control = &control
	}
	data, err := json.MarshalIndent(&whole, "", "  ")
	if err != nil {
		return fmt.Errorf("make %s: %w", JSONFile, err)
	}
	if err := renameio.WriteFile(filepath.Join(dir, JSONFile), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", JSONFile, err)
	}
	return nil
}

// filled returns a copy of s that is not nil, so that JSON has a list.
func filled[E any](s []E) []E { return append(make([]E, 0, len(s)), s...) }
