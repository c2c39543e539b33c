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
found at or below each PATH (default: the latest run). The exit status is that
of the worst run.`

const reportExamples = `  # The verdict of the latest run once more
  go run ./runner report

  # A summary of several runs for GitHub
  go run ./runner report --markdown results >> "$GITHUB_STEP_SUMMARY"`

func newReport() *cobra.Command {
	var markdown bool
	c := &cobra.Command{
		Use:     "report [PATH...]",
		Short:   "Print the verdicts of runs that are over",
		Long:    reportAbout,
		Example: reportExamples,
		RunE: func(c *cobra.Command, paths []string) error {
			if len(paths) == 0 {
				w, err := newWork(c)
				if err != nil {
					return err
				}
				paths = []string{filepath.Join(w.cache, "runs", "latest") + "/"}
			}
			return report(paths, markdown)
		},
	}
	c.Flags().BoolVar(&markdown, "markdown", false, "print Markdown instead of text")
	return c
}

func report(paths []string, markdown bool) error {
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
	if markdown {
		err = result.Markdown(os.Stdout, runs...)
	} else {
		err = reportText(runs, files)
	}
	if err == nil && status != statusGood {
		err = statusError(status)
	}
	return err
}

func reportText(runs []*result.Run, files []string) error {
	for i, run := range runs {
		if err := result.Text(os.Stdout, run, result.TerminalStyle(os.Stdout, files[i])); err != nil {
			return fmt.Errorf("print the verdict: %w", err)
		}
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
