package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"netdev.test/teardown/kconfigs"
)

// keyrings are where Debian's package debian-archive-keyring puts its keys.
var keyrings = []string{
	"/usr/share/keyrings/debian-archive-keyring.gpg",
	"/usr/share/keyrings/debian-archive-keyring.pgp",
}

// apt is a private configuration of apt-get: own sources, lists and cache, the
// machine's proxy and mirror, no root.
type apt struct {
	dir  string
	conf string
}

// findDebian returns the newest version of the line's source package over the
// suites that carry it.
func (g *getter) findDebian(ctx context.Context, line kconfigs.Line) (origin, error) {
	keyring, err := firstFile(keyrings)
	if err != nil {
		return origin{}, fmt.Errorf("no keyring of Debian's archive: install debian-archive-keyring")
	}
	mirrors, err := g.mirrors(ctx)
	if err != nil {
		return origin{}, err
	}
	list, err := sourcesList(line.Suites, mirrors, keyring)
	if err != nil {
		return origin{}, err
	}
	a, err := newApt(filepath.Join(g.cache, "apt", line.Name), list)
	if err != nil {
		return origin{}, err
	}
	// A suite that is away must not hide the others: what counts is whether
	// the package is found.
	_, updateErr := output(ctx, a.get(ctx, "-q", "update"))
	if ctx.Err() != nil {
		return origin{}, updateErr
	}
	uris, err := output(ctx, a.get(ctx, "-q", "--print-uris", "download", line.Package))
	if err != nil {
		return origin{}, cmp.Or(updateErr, err)
	}
	p, err := parseURI(uris)
	if err != nil {
		return origin{}, cmp.Or(updateErr, err)
	}
	return origin{
		ID:    "debian " + p.file + " " + p.hash,
		About: fmt.Sprintf("Debian %s %s", line.Package, p.version),
		fetch: func(ctx context.Context, tmp, dst string) error { return g.fetchDebian(ctx, a, line, p, tmp, dst) },
	}, nil
}

// fetchDebian downloads the package, which apt verifies by the signed lists,
// and unpacks the tarball in it.
func (g *getter) fetchDebian(ctx context.Context, a apt, line kconfigs.Line, p packageURI, tmp, dst string) error {
	g.report.step(StepDownload, p.file, p.size, false)
	cmd := a.get(ctx, "-q", "download", line.Package)
	cmd.Dir = tmp
	stop := g.watchSize(tmp)
	_, err := output(ctx, cmd)
	stop()
	if err != nil {
		return fmt.Errorf("downloading %s: %w", p.file, err)
	}
	debs, err := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("downloading %s: apt-get left %d packages: run it again", p.file, len(debs))
	}
	g.report.step(StepUnpack, p.file, 0, false)
	err = pipe(ctx,
		[]string{"dpkg-deb", "--fsys-tarfile", debs[0]},
		[]string{"tar", "-xO", "./usr/src/" + line.Package + ".tar.xz"},
		[]string{"tar", "-xJ", "--no-same-owner", "--strip-components=1", "-C", dst})
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", p.file, err)
	}
	return nil
}

// watchSize reports the bytes in dir until stop is called; apt-get tells its
// progress to a terminal only.
func (g *getter) watchSize(dir string) (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				g.report.done(folderSize(dir), "")
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}

func folderSize(dir string) int64 {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	var n int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
	}
	return n
}

// mirrors are the machine's mirrors of Debian's two archives, "" if unknown.
type mirrors struct{ main, security string }

const targetFormat = "$(REPO_URI)|$(CODENAME)|$(ORIGIN)"

// mirrors asks apt which mirrors the machine uses. A machine that never ran
// "apt-get update" (a fresh container) does not know: then its own sources are
// read into a private folder.
func (g *getter) mirrors(ctx context.Context) (mirrors, error) {
	ask := []string{"indextargets", "--format", targetFormat, "Created-By: Packages"}
	out, err := output(ctx, newCommand(ctx, "apt-get", ask...))
	if err != nil {
		return mirrors{}, err
	}
	if m := parseTargets(out); m.main != "" {
		return m, nil
	}
	a, err := newApt(filepath.Join(g.cache, "apt", "machine"), "")
	if err != nil {
		return mirrors{}, err
	}
	_, updateErr := output(ctx, a.get(ctx, "-q", "update"))
	if out, err = output(ctx, a.get(ctx, ask...)); err != nil {
		return mirrors{}, err
	}
	m := parseTargets(out)
	if m.main == "" {
		return mirrors{}, cmp.Or(updateErr, errors.New("apt has no Debian mirror configured"))
	}
	return m, nil
}

// parseTargets picks the mirrors out of apt-get's index targets.
func parseTargets(out string) mirrors {
	var m mirrors
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 3 || f[2] != "Debian" || strings.HasPrefix(f[0], "cdrom:") {
			continue
		}
		to := &m.main
		if strings.HasSuffix(f[1], "-security") {
			to = &m.security
		}
		if *to == "" {
			*to = f[0]
		}
	}
	return m
}

var mirrorRE = regexp.MustCompile(`^[a-z0-9+]+:[^\s\[\]"|]+$`)

// sourcesList returns the sources.list of the suites that the mirrors carry.
func sourcesList(suites []string, m mirrors, keyring string) (string, error) {
	var list strings.Builder
	for _, suite := range suites {
		uri := m.main
		if strings.HasSuffix(suite, "-security") {
			uri = m.security
		}
		if mirrorRE.MatchString(uri) {
			fmt.Fprintf(&list, "deb [signed-by=%s] %s %s main\n", keyring, uri, suite)
		}
	}
	if list.Len() == 0 {
		return "", fmt.Errorf("apt has no mirror configured that carries %s", strings.Join(suites, " or "))
	}
	return list.String(), nil
}

// aptConf is read after the machine's own configuration, of which the proxy
// stays. Hooks are cleared: they serve the machine's lists and may need root.
const aptConf = `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Dir::State::lists "%[1]s/lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
`

const aptSources = `Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "/dev/null";
`

// newApt writes the configuration into dir; with no list of sources the
// machine's own are used.
func newApt(dir, list string) (apt, error) {
	if strings.ContainsAny(dir, "\"\n") {
		return apt{}, inputf("the cache folder %q has a quote in its name: set TEARDOWN_CACHE to another", dir)
	}
	for _, sub := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return apt{}, err
		}
	}
	conf := fmt.Sprintf(aptConf, dir)
	if list != "" {
		conf += fmt.Sprintf(aptSources, dir)
	}
	a := apt{dir: dir, conf: filepath.Join(dir, "apt.conf")}
	for name, text := range map[string]string{"apt.conf": conf, "status": "", "sources.list": list} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return apt{}, err
		}
	}
	return a, nil
}

func (a apt) get(ctx context.Context, args ...string) *exec.Cmd {
	return newCommand(ctx, "apt-get", append([]string{"-c", a.conf}, args...)...)
}

// A packageURI is what apt-get says about a package it would download.
type packageURI struct {
	file    string // linux-source-6.12_6.12.117-1_all.deb
	version string // 6.12.117-1
	size    int64
	hash    string // SHA256:...
}

var uriRE = regexp.MustCompile(`(?m)^'[^']+' ([^_\s/]+)_([^_\s/]+)_[a-z0-9-]+\.deb ([0-9]+) (SHA(?:256|512):[0-9a-f]+)\s*$`)

func parseURI(out string) (packageURI, error) {
	m := uriRE.FindStringSubmatch(out)
	if m == nil {
		return packageURI{}, errors.New("apt-get names no package to download")
	}
	size, err := strconv.ParseInt(m[3], 10, 64)
	if err != nil {
		return packageURI{}, fmt.Errorf("size of the package: %w", err)
	}
	file := strings.Fields(m[0])[1]
	return packageURI{file: file, version: strings.ReplaceAll(m[2], "%3a", ":"), size: size, hash: m[4]}, nil
}

func firstFile(paths []string) (string, error) {
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", os.ErrNotExist
}
