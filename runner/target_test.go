package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/runner/kernel"
	"netdev.test/teardown/runner/result"
)

// TestRequests checks which kernels are meant, and the folders of their results.
func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		name   string
		target target
		want   string // label and folder of each request
	}{
		{"nothing given", target{}, "newest long-term kernel: "},
		{"a line", target{lines: []string{"6.1"}}, "kernel 6.1: 6.1"},
		{"a profile", target{profiles: []string{"san"}}, "newest long-term kernel (san): "},
		{"lines", target{lines: []string{"6.1", "6.12"}}, "kernel 6.1: 6.1, kernel 6.12: 6.12"},
		{"lines in a profile", target{lines: []string{"6.1", "6.12"}, profiles: []string{"san"}},
			"kernel 6.1 (san): 6.1, kernel 6.12 (san): 6.12"},
		{"a line in profiles", target{lines: []string{"6.1"}, profiles: []string{"leak", "san"}},
			"kernel 6.1 (leak): 6.1-leak, kernel 6.1 (san): 6.1-san"},
		{"lines in profiles", target{lines: []string{"6.1", "6.12"}, profiles: []string{"leak", "lock"}},
			"kernel 6.1 (leak): 6.1-leak, kernel 6.1 (lock): 6.1-lock, kernel 6.12 (leak): 6.12-leak, kernel 6.12 (lock): 6.12-lock"},
		{"the newest in all profiles", target{profiles: []string{"all"}},
			"newest long-term kernel (leak): leak, newest long-term kernel (san): san, " +
				"newest long-term kernel (kobject): kobject, newest long-term kernel (lock): lock"},
		{"an image", target{image: "bzImage"}, "kernel bzImage: "},
	} {
		requests, err := tt.target.requests()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, r := range requests {
			got = append(got, fmt.Sprintf("%s: %s", label(r), folderName(r, requests)))
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestFamiliesOf(t *testing.T) {
	for _, tt := range []struct {
		kinds []string
		want  []string
		err   string
	}{
		{nil, nil, ""},
		{[]string{"bond"}, []string{"basic"}, ""},
		{[]string{"usb", "vxlan", "wireguard"}, []string{"basic", "tunnel", "usb"}, ""},
		{[]string{"toaster"}, nil, `no kind, and no family of kinds "toaster": choose among basic, `},
	} {
		got, err := familiesOf(tt.kinds)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("familiesOf(%q) (-want +got):\n%s", tt.kinds, diff)
		}
		if (err != nil) != (tt.err != "") || err != nil && !strings.HasPrefix(err.Error(), tt.err) {
			t.Errorf("familiesOf(%q): %v, want %q", tt.kinds, err, tt.err)
		}
	}
}

// TestNoRun: a kernel that could not be had is seen by "report", and proves
// nothing.
func TestNoRun(t *testing.T) {
	folder := t.TempDir()
	run, err := noRun(kernel.Request{Line: "6.12"}, time.Now(), errors.New("it does not build"), folder)
	if err != nil {
		t.Fatal(err)
	}
	read, err := result.Read(filepath.Join(folder, result.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*result.Run{run, read} {
		if r.Status() != result.NotProven || r.Kernel.Line != "6.12" || r.Kernel.Profile != "leak" || r.Incomplete != "it does not build" {
			t.Errorf("run %+v, status %d", r, r.Status())
		}
	}
}
