package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"netdev.test/teardown/runner/kernel"
)

func newKernel() *cobra.Command {
	c := &cobra.Command{
		Use:   "kernel",
		Short: "Build kernels and list those in the cache",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKernelBuild(), newKernelList())
	return c
}

func newKernelBuild() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use:     "build",
		Short:   "Get and build kernels without running anything",
		Example: "  go run ./runner kernel build -y --kernel 5.10,6.1,6.12 --profile leak,san",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			requests, err := t.requests()
			if err != nil {
				return usage(c, err)
			}
			w, err := newWork(c)
			if err != nil {
				return err
			}
			defer w.display.Close()
			if err := w.ensure(c.Context(), t.need()); err != nil {
				return err
			}
			for _, r := range requests {
				k, err := w.kernel(c.Context(), r)
				if err != nil {
					return err
				}
				fmt.Fprintf(w.display.Above(c.OutOrStdout()), "%s\t%s\t%s\t%s\n", k.Release, k.Profile, k.Source, k.Image)
			}
			return nil
		},
	}
	t.flags(c)
	addYes(c)
	return c
}

func newKernelList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the kernels in the cache",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cache, err := kernel.CacheDir()
			if err != nil {
				return err
			}
			kernels, err := cachedKernels(cache)
			if err != nil {
				return err
			}
			tw := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(tw, "RELEASE\tPROFILE\tBUILT\tSOURCE\tIMAGE")
			for _, k := range kernels {
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", k.Release, k.Profile, k.Built.Format("2006-01-02 15:04"), k.Source, k.Image)
			}
			return tw.Flush()
		},
	}
}

// cachedKernel is what is wanted here of a kernel.json.
type cachedKernel struct {
	kernel.Kernel
	Built time.Time `json:"built"`
}

// cachedKernels returns the kernels in the cache, the newest first.
func cachedKernels(cache string) ([]cachedKernel, error) {
	files, err := filepath.Glob(filepath.Join(cache, "kernels", "*", "kernel.json"))
	if err != nil {
		return nil, err
	}
	var all []cachedKernel
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var k cachedKernel
		if err := json.Unmarshal(text, &k); err != nil {
			return nil, fmt.Errorf("%s: %w: remove its folder", f, err)
		}
		k.Image = filepath.Join(filepath.Dir(f), filepath.Base(k.Image))
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b cachedKernel) int {
		return cmp.Or(b.Built.Compare(a.Built), cmp.Compare(a.Image, b.Image))
	})
	return all, nil
}
