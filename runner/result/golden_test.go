package result

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	"github.com/jstemmer/go-junit-report/v2/junit"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"netdev.test/teardown/initramfs/verdict"
)

var update = flag.Bool("update", false, "rewrite the golden files and the schema")

// golden compares got with a file, or rewrites the file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (make it with -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs, -update accepts it (-want +got):\n%s", path, diff)
	}
}

func TestText(t *testing.T) {
	for name, run := range runs() {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Text(&out, run, Style{File: "out/results.json"}); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".txt"), out.Bytes())
		})
	}
}

// TestTextWide has room for every column.
func TestTextWide(t *testing.T) {
	var out bytes.Buffer
	if err := Text(&out, passRun(), Style{Width: 160}); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "wide.txt"), out.Bytes())
}

// TestTextNarrow has not even room for the columns that hold something.
func TestTextNarrow(t *testing.T) {
	var out bytes.Buffer
	if err := Text(&out, passRun(), Style{Width: 40}); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "narrow.txt"), out.Bytes())
}

// TestTextColor proves that colour adds escape sequences and nothing else.
func TestTextColor(t *testing.T) {
	for name, run := range runs() {
		var plain, colored bytes.Buffer
		if err := Text(&plain, run, Style{}); err != nil {
			t.Fatal(err)
		}
		if err := Text(&colored, run, Style{Color: true}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(colored.Bytes(), []byte("\x1b[")) {
			t.Errorf("%s: colour shows nowhere", name)
		}
		if diff := cmp.Diff(plain.String(), escapeSequence.ReplaceAllString(colored.String(), "")); diff != "" {
			t.Errorf("%s: colour changes the text (-plain +coloured):\n%s", name, diff)
		}
	}
}

func TestMarkdown(t *testing.T) {
	for name, run := range runs() {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Markdown(&out, run); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".md"), out.Bytes())
		})
	}
}

// TestSites writes what injections made fail.
func TestSites(t *testing.T) {
	var out bytes.Buffer
	if err := Sites(&out, failRun(), Style{}); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "sites.txt"), out.Bytes())
	out.Reset()
	if err := Sites(&out, passRun(), Style{}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "No case on 6.12.117-teardown (leak) says what its injections made fail.\n"; got != want {
		t.Errorf("Sites = %q, want %q", got, want)
	}
}

// TestSummary writes several runs together.
func TestSummary(t *testing.T) {
	for name, all := range map[string][]*Run{"summary": severalRuns(), "summary-good": {passRun(), passRun()}, "summary-none": nil} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Summary(&out, all, Style{}); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".txt"), out.Bytes())
		})
	}
}

// TestMatrix writes all cases of several runs.
func TestMatrix(t *testing.T) {
	var out bytes.Buffer
	if err := Matrix(&out, severalRuns(), Style{Width: 120}); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "matrix.txt"), out.Bytes())
}

// TestMarkdownMatrix writes several runs as one table.
func TestMarkdownMatrix(t *testing.T) {
	var out bytes.Buffer
	if err := Markdown(&out, severalRuns()...); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "matrix.md"), out.Bytes())
}

func TestJUnit(t *testing.T) {
	for name, run := range runs() {
		t.Run(name, func(t *testing.T) {
			suites := junitReport(run)
			var out bytes.Buffer
			if err := suites.WriteXML(&out); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".xml"), out.Bytes())
			var back junit.Testsuites
			if err := xml.Unmarshal(out.Bytes(), &back); err != nil {
				t.Fatalf("it is no XML: %v", err)
			}
			if bad := back.Failures + back.Errors; (bad == 0) != (run.Status() == Good) {
				t.Errorf("JUnit counts %d failures and errors, the run's status is %d", bad, run.Status())
			}
		})
	}
}

const schemaFile = "../../docs/results.schema.json"

// schema makes the JSON schema of the model.
func schema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{Mapper: func(t reflect.Type) *jsonschema.Schema {
		if t == reflect.TypeFor[verdict.Verdict]() {
			return &jsonschema.Schema{Type: "string", Enum: []any{
				verdict.Pass, verdict.Fail, verdict.Known, verdict.Skip, verdict.Unknown}}
		}
		return nil
	}}
	const here = "netdev.test/teardown/runner/result"
	for _, dir := range []string{".", "../../initramfs/verdict", "../../initramfs/wire"} {
		if err := r.AddGoComments(here, dir); err != nil {
			t.Fatal(err)
		}
	}
	s := r.Reflect(&Run{})
	s.ID = ""
	s.Title = "results.json of teardown"
	s.Description = "One run on one kernel; docs/results.md explains it."
	run := s.Definitions["Run"]
	version, ok := run.Properties.Get("schema_version")
	if !ok {
		t.Fatal("the model has no schema_version")
	}
	version.Const = SchemaVersion
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}

func TestSchema(t *testing.T) { golden(t, schemaFile, schema(t)) }

// TestSchemaHolds validates every golden results.json.
func TestSchemaHolds(t *testing.T) {
	compiled := compile(t)
	for name, run := range runs() {
		data, err := encode(run)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", name+".json"), data)
		if err := validate(t, compiled, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaRefuses proves that the schema can fail.
func TestSchemaRefuses(t *testing.T) {
	compiled := compile(t)
	good, err := encode(knownRun())
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"schema_version": 2`, `"schema_version": 1`},
		{`"verdict": "pass"`, `"verdict": "fine"`},
		{`"wanted": 3`, `"wanted": "3"`},
		{`"wanted": 3`, `"wanted": 3, "more": 1`},
		{`"fixed": []`, `"fixed": null`},
	} {
		if !strings.Contains(string(good), change[0]) {
			t.Fatalf("no %s in the run", change[0])
		}
		if validate(t, compiled, []byte(strings.Replace(string(good), change[0], change[1], 1))) == nil {
			t.Errorf("the schema accepts %s", change[1])
		}
	}
}

func compile(t *testing.T) *validator.Schema {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(schema(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("results.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("results.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func validate(t *testing.T, s *validator.Schema, data []byte) error {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// TestDocsNameEveryField keeps docs/results.md complete.
func TestDocsNameEveryField(t *testing.T) {
	doc, err := os.ReadFile("../../docs/results.md")
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(schema(t), &s); err != nil {
		t.Fatal(err)
	}
	for _, def := range slices.Sorted(maps.Keys(s.Defs)) {
		for _, field := range slices.Sorted(maps.Keys(s.Defs[def].Properties)) {
			if !bytes.Contains(doc, []byte("`"+field+"`")) {
				t.Errorf("docs/results.md does not name `%s` of %s", field, def)
			}
		}
	}
}
