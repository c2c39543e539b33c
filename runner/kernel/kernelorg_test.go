package kernel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"netdev.test/teardown/kconfigs"
)

var sum0 = strings.Repeat("0", 64)

func TestNewestTarball(t *testing.T) {
	sums := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" +
		sum0 + "  linux-6.1.tar.xz\n" +
		sum0 + "  linux-6.12.tar.xz\n" +
		sum0 + "  linux-6.12.9.tar.xz\n" +
		sum0 + "  linux-6.12.10.tar.xz\r\n" +
		sum0 + "  linux-6.12.11.tar.gz\n" +
		sum0 + "  patch-6.12.12.xz\n" +
		sum0 + "  ../linux-6.12.13.tar.xz\n" +
		sum0[1:] + "  linux-6.12.14.tar.xz\n" +
		"-----BEGIN PGP SIGNATURE-----\n"
	tests := []struct{ line, file string }{
		{"6.12", "linux-6.12.10.tar.xz"},
		{"6.1", "linux-6.1.tar.xz"},
		{"6.6", ""},
	}
	for _, tt := range tests {
		got, err := newestTarball(sums, tt.line)
		if got.file != tt.file || (err == nil) != (tt.file != "") {
			t.Errorf("%s: %+v, error %v", tt.line, got, err)
		}
	}
}

func FuzzNewestTarball(f *testing.F) {
	f.Add(sum0 + "  linux-6.12.9.tar.xz\n")
	f.Fuzz(func(t *testing.T, sums string) {
		if got, err := newestTarball(sums, "6.12"); err == nil && filepath.Base(got.file) != got.file {
			t.Errorf("tarball %q leads out of its folder", got.file)
		}
	})
}

// orgServer serves a folder of kernel.org with one tarball whose published
// checksum is sum, its own when that is "".
func orgServer(t *testing.T, sum string) *httptest.Server {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "linux-6.12.7")
	writeTree(t, tree)
	file := filepath.Join(dir, "linux-6.12.7.tar.xz")
	if out, err := exec.Command("tar", "-cJf", file, "-C", dir, "linux-6.12.7").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if sum == "" {
		h := sha256.Sum256(text)
		sum = hex.EncodeToString(h[:])
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/v6.x/sha256sums.asc", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(sum + "  linux-6.12.7.tar.xz\n"))
	})
	mux.HandleFunc("/v6.x/linux-6.12.7.tar.xz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func lineOf612(t *testing.T) kconfigs.Line {
	t.Helper()
	l, err := kconfigs.FindLine("6.12")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func testGetter(t *testing.T, server string) *getter {
	t.Helper()
	return &getter{cache: t.TempDir(), report: &reporter{}, kernelOrg: server, client: defaultClient()}
}

func TestKernelOrg(t *testing.T) {
	g := testGetter(t, orgServer(t, "").URL)
	line := lineOf612(t)
	o, err := g.findKernelOrg(t.Context(), line)
	if err != nil {
		t.Fatal(err)
	}
	if o.About != "kernel.org linux-6.12.7" {
		t.Errorf("about %q", o.About)
	}
	if err := g.unpack(t.Context(), line, o); err != nil {
		t.Fatal(err)
	}
	s, ok := g.loadSource(line)
	if !ok || s.ID != o.ID {
		t.Errorf("source %+v, %v", s, ok)
	}
	if v, err := treeVersion(filepath.Join(g.sourceDir(line), "tree")); v != "6.12.117" || err != nil {
		t.Errorf("version %q, error %v", v, err)
	}
	assertEmpty(t, filepath.Join(g.cache, "tmp"))
}

func TestKernelOrgWrongSum(t *testing.T) {
	g := testGetter(t, orgServer(t, sum0).URL)
	line := lineOf612(t)
	o, err := g.findKernelOrg(t.Context(), line)
	if err != nil {
		t.Fatal(err)
	}
	err = g.unpack(t.Context(), line, o)
	if err == nil || !strings.Contains(err.Error(), "and should be "+sum0) {
		t.Errorf("error %v", err)
	}
	if _, ok := g.loadSource(line); ok {
		t.Error("a source with a wrong checksum was kept")
	}
	assertEmpty(t, filepath.Join(g.cache, "tmp"))
}

func TestKernelOrgAway(t *testing.T) {
	s := orgServer(t, "")
	s.Close()
	if _, err := testGetter(t, s.URL).findKernelOrg(t.Context(), lineOf612(t)); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("server away: %v", err)
	}
	missing := httptest.NewServer(http.NotFoundHandler())
	defer missing.Close()
	if _, err := testGetter(t, missing.URL).findKernelOrg(t.Context(), lineOf612(t)); err == nil || !strings.Contains(err.Error(), "404 Not Found") {
		t.Errorf("sums missing: %v", err)
	}
}

// TestKernelOrgInterrupted ends the context when the tarball is half there.
func TestKernelOrgInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, sumsFile) {
			_, _ = w.Write([]byte(sum0 + "  linux-6.12.7.tar.xz\n"))
			return
		}
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write([]byte("half"))
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	}))
	defer s.Close()
	g := testGetter(t, s.URL)
	line := lineOf612(t)
	o, err := g.findKernelOrg(ctx, line)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.unpack(ctx, line, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	assertEmpty(t, filepath.Join(g.cache, "tmp"))
}

func assertEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("left behind: %s", filepath.Join(dir, e.Name()))
	}
}
