package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"netdev.test/teardown/initramfs/wire"
)

func TestCompare(t *testing.T) {
	config := `#
# Automatically generated file; DO NOT EDIT.
#
CONFIG_NET=y
CONFIG_BONDING=m
# CONFIG_SLUB_TINY is not set
CONFIG_POOL=64000
CONFIG_NAME="a=b"
`
	tests := []struct {
		line string
		has  bool
	}{
		{"CONFIG_NET=y", true},
		{"CONFIG_NET=m", false},
		{"CONFIG_BONDING=m", true},
		{"CONFIG_BONDING=y", false},
		{"CONFIG_POOL=64000", true},
		{"CONFIG_POOL=6400", false},
		{`CONFIG_NAME="a=b"`, true},
		{"CONFIG_ABSENT=y", false},
		{"# CONFIG_SLUB_TINY is not set", true},
		{"# CONFIG_ABSENT is not set", true},
		{"# CONFIG_NET is not set", false},
	}
	for _, test := range tests {
		var want []string
		if !test.has {
			want = []string{test.line}
		}
		got, err := compare([]string{test.line}, strings.NewReader(config))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.line, err, diff)
		}
	}
}

func TestPortDevices(t *testing.T) {
	class := t.TempDir()
	for dev, name := range map[string]string{"vport0p1": wire.StdoutPort + "\n", "vport0p3": wire.CasePort + "\n"} {
		dir := filepath.Join(class, dev)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "name"), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A port whose name has not come yet.
	if err := os.Mkdir(filepath.Join(class, "vport0p2"), 0o700); err != nil {
		t.Fatal(err)
	}
	devs, err := portDevices(class)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{wire.StdoutPort: "/dev/vport0p1", wire.CasePort: "/dev/vport0p3"}
	if diff := cmp.Diff(want, devs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	missing := without(devs, []string{wire.StdoutPort, wire.ControlPort, wire.CasePort})
	if diff := cmp.Diff([]string{wire.ControlPort}, missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}

func TestEnded(t *testing.T) {
	tests := []struct {
		script string
		want   wire.Exit
	}{
		{"exit 0", wire.Exit{}},
		{"exit 3", wire.Exit{Code: 3}},
		{"kill -KILL $$", wire.Exit{Code: -1, Signal: "killed"}},
	}
	for _, test := range tests {
		got, err := ended(exec.Command("/bin/sh", "-c", test.script).Run())
		if got != test.want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", test.script, got, err, test.want)
		}
	}
	other := errors.New("other")
	if _, err := ended(other); !errors.Is(err, other) {
		t.Errorf("%v, want %v", err, other)
	}
}
