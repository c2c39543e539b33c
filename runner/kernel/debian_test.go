package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTargets(t *testing.T) {
	const out = `http://mirror.test/other/|stable|Other
cdrom:[Debian 12]/|bookworm|Debian
http://mirror.test/debian/|bookworm|Debian
http://mirror.test/debian/|bookworm-updates|Debian
http://mirror.test/debian-security/|bookworm-security|Debian
http://second.test/debian/|trixie|Debian
nonsense
`
	want := mirrors{main: "http://mirror.test/debian/", security: "http://mirror.test/debian-security/"}
	if got := parseTargets(out); got != want {
		t.Errorf("mirrors %+v, want %+v", got, want)
	}
	if got := parseTargets("http://mirror.test/ubuntu/|noble|Ubuntu\n"); got != (mirrors{}) {
		t.Errorf("mirrors %+v of a machine without Debian's", got)
	}
}

func TestSourcesList(t *testing.T) {
	both := mirrors{main: "http://mirror.test/debian/", security: "http://mirror.test/debian-security/"}
	tests := []struct {
		name   string
		suites []string
		m      mirrors
		want   string // "" for an error
	}{
		{"both", []string{"bookworm", "bookworm-security"}, both,
			"deb [signed-by=/k] http://mirror.test/debian/ bookworm main\ndeb [signed-by=/k] http://mirror.test/debian-security/ bookworm-security main\n"},
		{"no security mirror", []string{"bookworm", "bookworm-security"}, mirrors{main: both.main},
			"deb [signed-by=/k] http://mirror.test/debian/ bookworm main\n"},
		{"only security", []string{"bullseye-security"}, mirrors{main: both.main}, ""},
		{"injection", []string{"bookworm"}, mirrors{main: "http://x/ [trusted=yes]"}, ""},
	}
	for _, tt := range tests {
		got, err := sourcesList(tt.suites, tt.m, "/k")
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, error %v", tt.name, got, err)
		}
	}
}

func TestParseURI(t *testing.T) {
	hash := "SHA256:" + sum0
	tests := []struct {
		out  string
		want packageURI
	}{
		{"'http://m/pool/linux-source-6.1_6.1.192-2_all.deb' linux-source-6.1_6.1.192-2_all.deb 139331676 " + hash + "\n",
			packageURI{"linux-source-6.1_6.1.192-2_all.deb", "6.1.192-2", 139331676, hash}},
		{"NOTE: text\n'http://m/x.deb' linux-source-7.3_7.3.4-1~bpo13+1_all.deb 5 " + hash,
			packageURI{"linux-source-7.3_7.3.4-1~bpo13+1_all.deb", "7.3.4-1~bpo13+1", 5, hash}},
		{"'http://m/x.deb' linux-source_1_all.deb 5 MD5Sum:00", packageURI{}},
		{"'http://m/x.deb' ../x_1_all.deb 5 " + hash, packageURI{}},
		{"", packageURI{}},
	}
	for _, tt := range tests {
		got, err := parseURI(tt.out)
		if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(packageURI{})); d != "" || (err == nil) != (tt.want.file != "") {
			t.Errorf("%q: error %v (-want +got):\n%s", tt.out, err, d)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("'http://m/x.deb' linux-source-6.1_6.1.192-2_all.deb 139331676 SHA256:00")
	f.Fuzz(func(t *testing.T, out string) {
		p, err := parseURI(out)
		if err == nil && (filepath.Base(p.file) != p.file || p.size < 0) {
			t.Errorf("%+v", p)
		}
	})
}

// fakeApt puts an apt-get into PATH that knows one real package made here: a
// linux-source of the tree of writeTree. It refuses to work without the
// private configuration.
func fakeApt(t *testing.T) (bin string) {
	t.Helper()
	dir := t.TempDir()
	bin = filepath.Join(dir, "bin")
	tree := filepath.Join(dir, "linux-source-6.12")
	writeTree(t, tree)
	pkg := filepath.Join(dir, "pkg")
	write(t, filepath.Join(pkg, "DEBIAN/control"), "Package: linux-source-6.12\nVersion: 6.12.117-1\nArchitecture: all\nMaintainer: test\nDescription: test\n", 0o600)
	write(t, filepath.Join(pkg, "usr/src/x"), "", 0o600)
	deb := filepath.Join(dir, "linux-source-6.12_6.12.117-1_all.deb")
	if err := os.Chmod(filepath.Join(pkg, "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"tar", "-cJf", filepath.Join(pkg, "usr/src/linux-source-6.12.tar.xz"), "-C", dir, "linux-source-6.12"},
		{"dpkg-deb", "-b", pkg, deb},
	} {
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Skipf("needs %s", args[0])
		}
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	script := fmt.Sprintf(`#!/bin/sh
case "$*" in
indextargets*) echo 'http://mirror.test/debian/|bookworm|Debian'; exit ;;
"-c "*"/apt.conf -q "*) grep -q 'trixie main' "${2%%apt.conf}sources.list" || exit 9 ;;
*) exit 9 ;;
esac
if test -e %[2]s/away; then echo "E: Failed to fetch http://mirror.test/debian/ Could not connect" >&2; exit 100; fi
case "$*" in
*--print-uris*) echo "'http://mirror.test/x.deb' linux-source-6.12_6.12.117-1_all.deb 1000 SHA256:00" ;;
*download*) cp %[1]s . ;;
esac
`, deb, bin)
	write(t, filepath.Join(bin, "apt-get"), script, 0o700)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	old := keyrings
	t.Cleanup(func() { keyrings = old })
	keyrings = []string{deb} // any file: the stand-in verifies nothing
	return bin
}

func TestDebian(t *testing.T) {
	fakeApt(t)
	g := testGetter(t, "http://127.0.0.1:0")
	line := lineOf612(t)
	o, err := g.find(t.Context(), line)
	if err != nil {
		t.Fatal(err)
	}
	if o.About != "Debian linux-source-6.12 6.12.117-1" {
		t.Errorf("about %q", o.About)
	}
	if err := g.unpack(t.Context(), line, o); err != nil {
		t.Fatal(err)
	}
	if v, err := treeVersion(filepath.Join(g.sourceDir(line), "tree")); v != "6.12.117" || err != nil {
		t.Errorf("version %q, error %v", v, err)
	}
	assertEmpty(t, filepath.Join(g.cache, "tmp"))
}

func TestDebianFallsBack(t *testing.T) {
	bin := fakeApt(t)
	write(t, filepath.Join(bin, "away"), "", 0o600)
	line := lineOf612(t)
	o, err := testGetter(t, orgServer(t, "").URL).find(t.Context(), line)
	if err != nil || o.About != "kernel.org linux-6.12.7" {
		t.Errorf("origin %+v, error %v", o, err)
	}
	_, err = testGetter(t, "http://127.0.0.1:0").find(t.Context(), line)
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{"linux 6.12: no source", "Debian: apt-get: E: Failed to fetch", "kernel.org: ", "check the network and apt's mirror"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}
