package kernel

import (
	"strings"
	"testing"
)

func TestFirstError(t *testing.T) {
	tests := []struct{ name, output, want string }{
		{"compiler", "  CC a.o\nIn file included from x.h:1,\nnet/core/dev.c:5:2: error: unknown type name 'x'\nmake[2]: *** [a.o] Error 1\n", "net/core/dev.c:5:2: error: unknown type name 'x'"},
		{"header", "a.c:1:10: fatal error: elf.h: No such file or directory\n", "a.c:1:10: fatal error: elf.h: No such file or directory"},
		{"linker", "ld: vmlinux.o: undefined reference to `foo'\nmake: *** [vmlinux] Error 1\n", "ld: vmlinux.o: undefined reference to `foo'"},
		{"tool", "/bin/sh: 1: flex: not found\nmake: *** [lex] Error 127\n", "/bin/sh: 1: flex: not found"},
		{"disk", "x.s: error: closing\nx.s: No space left on device\n", "x.s: No space left on device"},
		{"make only", "hm\nmake: *** No rule to make target 'x'.  Stop.\n", "make: *** No rule to make target 'x'.  Stop."},
		{"apt", "W: one\nE: Unable to locate package x\n", "E: Unable to locate package x"},
		{"object file is no error", "  CC      lib/error.o\n  CC      fs/x.o\nlast\n", "last"},
		{"nothing", "", ""},
		{"long", "error: " + strings.Repeat("x", 1000), "error: " + strings.Repeat("x", maxErrorLine-7) + "..."},
	}
	for _, tt := range tests {
		if got := firstError(tt.output); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestMakeStep(t *testing.T) {
	tests := []struct{ line, want string }{
		{"  CC      net/core/dev.o", "net/core/dev.o"},
		{"  CC [M]  drivers/net/dummy.o", "drivers/net/dummy.o"},
		{"  LD      vmlinux", "vmlinux"},
		{"make[1]: Entering directory '/x'", ""},
		{"  an indented remark", ""},
		{"  CC", ""},
		{"  ---     ---", ""},
	}
	for _, tt := range tests {
		if got, _ := makeStep(tt.line); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestMakeSteps(t *testing.T) {
	var files []string
	m := &makeSteps{report: func(n int64, file string) { files = append(files, file) }}
	for _, part := range []string{"  CC  a.o\n  C", "C  b.o", "\nnoise\n  LD  c\n"} {
		if _, err := m.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(files, " "); got != "a.o b.o c" || m.count != 3 {
		t.Errorf("%d steps: %s", m.count, got)
	}
}

func TestCleanEnv(t *testing.T) {
	got := strings.Join(cleanEnv([]string{"MAKEFLAGS=k", "LOCALVERSION=x", "KBUILD_OUTPUT=/x", "PATH=/bin", "CCACHE_DIR=/c", "https_proxy=p", "CCACHE=no", "bad"}), "|")
	for _, want := range []string{"PATH=/bin:/usr/sbin:/sbin", "CCACHE_DIR=/c", "https_proxy=p", "LC_ALL=C"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not hold %s", got, want)
		}
	}
	for _, unwanted := range []string{"MAKEFLAGS", "LOCALVERSION", "KBUILD", "CCACHE=no"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("%q holds %s", got, unwanted)
		}
	}
}
