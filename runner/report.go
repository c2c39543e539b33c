package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"netdev.test/teardown/runner/result"
)

const reportAbout = `Print the verdicts of runs that are over, from the results.json files that are
found at or below each PATH (default: the latest run), and of several runs a
verdict of all. The exit status is that of the worst run, and 1 when --differ finds
a case whose verdict was not the same in all runs.`

const reportExamples = `  # The verdict of the latest run once more
  go run ./runner report

  # What the sweeps made fail, and what came of it
  go run ./runner report --sites

  # Every case on every kernel
  go run ./runner report --matrix results

  # Is the suite of one mind? Three runs, each with another seed
  for n in 1 2 3; do go run ./runner run --kernel 6.12 --out results/$n; done
  go run ./runner report --differ results

  # A summary of several runs for GitHub
  go run ./runner report --markdown results >> "$GITHUB_STEP_SUMMARY"`

func newReport() *cobra.Command {
	var form reportForm
	c := &cobra.Command{
		Use:     "report [PATH...]",
		Short:   "Print the verdicts of runs that are over",
		Long:    reportAbout,
		Example: reportExamples,
		RunE: func(c *cobra.Command, paths []string) error {
			if form.several() {
				return usage(c, errors.New("--markdown, --sites, --matrix and --differ exclude each other: give one of them"))
			}
			if len(paths) == 0 {
				w, err := newWork(c)
				if err != nil {
					return err
				}
				paths = []string{filepath.Join(w.cache, "runs", "latest") + "/"}
			}
			return form.report(paths)
		},
	}
	c.Flags().BoolVar(&form.markdown, "markdown", false, "print Markdown instead of text")
	c.Flags().BoolVar(&form.sites, "sites", false, "print which allocations the injections refused, and the exits that led to")
	c.Flags().BoolVar(&form.matrix, "matrix", false, "print every case, and what it ended with in every run")
	c.Flags().BoolVar(&form.differ, "differ", false, "print only the cases whose verdicts differ between runs of the same kernel and profile")
	return c
}

// reportForm says what of the runs is printed, their verdicts if nothing else.
type reportForm struct{ markdown, sites, matrix, differ bool }

// several reports whether more than one form is asked for.
func (f reportForm) several() bool {
	n := 0
	for _, asked := range []bool{f.markdown, f.sites, f.matrix, f.differ} {
		if asked {
			n++
		}
	}
	return n > 1
}

func (f reportForm) report(paths []string) error {
	files, err := findResults(paths)
	if err != nil {
		return err
	}
	var runs []*result.Run
	status := statusGood
	for _, file := range files {
		run, err := result.Read(file)
		if err != nil {
			return err
		}
		runs = append(runs, run)
		status = worse(status, run.Status())
	}
	if f.differ {
		var n int
		n, err = result.Differ(os.Stdout, runs, result.TerminalStyle(os.Stdout, ""))
		if n > 0 {
			status = worse(status, statusRegression)
		}
	} else {
		err = f.print(runs, files)
	}
	if errors.Is(err, result.ErrAlone) {
		return fmt.Errorf("--differ: %w: give several runs of one", err)
	}
	if err != nil {
		err = fmt.Errorf("print the verdict: %w", err)
	}
	if err == nil && status != statusGood {
		err = statusError(status)
	}
	return err
}

func (f reportForm) print(runs []*result.Run, files []string) error {
	style := result.TerminalStyle(os.Stdout, "")
	switch {
	case f.markdown:
		return result.Markdown(os.Stdout, runs...)
	case f.matrix:
		return result.Matrix(os.Stdout, runs, style)
	}
	show := result.Text
	if f.sites {
		show = result.Sites
	}
	for i, run := range runs {
		style.File = files[i]
		if err := show(os.Stdout, run, style); err != nil {
			return err
		}
		if len(runs) > 1 && !f.sites {
			fmt.Println()
		}
	}
	if len(runs) > 1 && !f.sites {
		return result.Summary(os.Stdout, runs, style)
	}
	return nil
}

// findResults returns the results files at or below paths, in a stable order.
func findResults(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && (file == path || e.Name() == result.JSONFile) {
				files = append(files, file)
			}
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is not there: make a run first, with %s run", path, name)
		}
		if err != nil {
			return nil, fmt.Errorf("look for results: %w", err)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no %s at or below %s: make a run first, with %s run", result.JSONFile, paths[0], name)
	}
	return files, nil
}
