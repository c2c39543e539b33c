package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// Names of the files that [Write] makes.
const (
	JSONFile  = "results.json"
	JUnitFile = "junit.xml"
)

// Write writes results.json and junit.xml for the run into dir, which it makes
// where it is missing. Each file appears whole or not at all, readable by its
// owner only: a kernel's log may tell more than its tester wants to share.
func Write(dir string, run *Run) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the results: %w", err)
	}
	data, err := encode(run)
	if err != nil {
		return err
	}
	var report bytes.Buffer
	suites := junitReport(run)
	if err := suites.WriteXML(&report); err != nil {
		return fmt.Errorf("make %s: %w", JUnitFile, err)
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{JSONFile, data}, {JUnitFile, report.Bytes()}} {
		if err := renameio.WriteFile(filepath.Join(dir, file.name), file.data, 0o600); err != nil {
			return fmt.Errorf("write %s: %w", file.name, err)
		}
	}
	return nil
}

// maxFile is the size of a results.json that is still read. A run of thousands
// of cases needs a few megabytes.
const maxFile = 256 << 20

// Read reads a results.json. It refuses a file of another schema version, with
// unknown fields or with a case that has no name or no verdict.
func Read(path string) (*Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read results: %s is larger than %d MiB", path, maxFile>>20)
	}
	run, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("read results: %s: %w", path, err)
	}
	return run, nil
}

// encode returns the run as the content of results.json.
func encode(run *Run) ([]byte, error) {
	whole := *run
	whole.SchemaVersion = SchemaVersion
	whole.Cases = filled(run.Cases)
	for i := range whole.Cases {
		whole.Cases[i].Evidence = filled(whole.Cases[i].Evidence)
	}
	whole.Known, whole.Fixed, whole.Phases = filled(run.Known), filled(run.Fixed), filled(run.Phases)
	whole.Coverage, whole.Unreached = filled(run.Coverage), filled(run.Unreached)
	for i := range whole.Known {
		whole.Known[i].Cases = filled(whole.Known[i].Cases)
	}
	whole.Boots = filled(run.Boots)
	for i := range whole.Boots {
		whole.Boots[i].Controls = filled(whole.Boots[i].Controls)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(&whole); err != nil {
		return nil, fmt.Errorf("make %s: %w", JSONFile, err)
	}
	return out.Bytes(), nil
}

// filled returns a copy of s that is not nil, so that JSON has a list.
func filled[E verdict.Case | verdict.Finding | wire.ControlOutcome | KnownMet | Fixed | Hit | Boot | Phase | string](s []E) []E {
	return append(make([]E, 0, len(s)), s...)
}

// decode reads the content of a results.json.
func decode(data []byte) (*Run, error) {
	var version struct {
		SchemaVersion *int `json:"schema_version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, err
	}
	if version.SchemaVersion == nil {
		return nil, errors.New("it has no schema_version: it is not a result of teardown")
	}
	if *version.SchemaVersion != SchemaVersion {
		return nil, fmt.Errorf("its schema_version is %d and this teardown reads %d: read it with the version that wrote it",
			*version.SchemaVersion, SchemaVersion)
	}
	run := new(Run)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(run); err != nil {
		return nil, err
	}
	for i, c := range run.Cases {
		if c.Name == "" {
			return nil, fmt.Errorf("case %d has no name", i+1)
		}
		if !c.Verdict.Valid() {
			return nil, fmt.Errorf("case %q: %q is no verdict", c.Name, c.Verdict)
		}
	}
	return run, nil
}
