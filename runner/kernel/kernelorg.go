package kernel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"netdev.test/teardown/kconfigs"
)

const (
	kernelOrg = "https://cdn.kernel.org/pub/linux/kernel"
	sumsFile  = "sha256sums.asc"
	maxSums   = 8 << 20 // bytes of sums read at most
)

// silentServer is how long a server may take to begin its answer.
const silentServer = 30 * time.Second

func defaultClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = silentServer
	return &http.Client{Transport: t}
}

// findKernelOrg returns the newest point release of the line that kernel.org
// publishes a checksum of. The sums are trusted as far as the connection is:
// no Linux distribution ships the key that signs them.
func (g *getter) findKernelOrg(ctx context.Context, line kconfigs.Line) (origin, error) {
	base := g.kernelOrg + "/" + line.Folder + "/"
	body, _, err := g.open(ctx, base+sumsFile)
	if err != nil {
		return origin{}, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxSums))
	if err != nil {
		return origin{}, fmt.Errorf("%s: %w", base+sumsFile, err)
	}
	t, err := newestTarball(string(text), line.Name)
	if err != nil {
		return origin{}, fmt.Errorf("%s: %w", base+sumsFile, err)
	}
	return origin{
		ID:    "kernel.org " + t.file + " SHA256:" + t.sum,
		About: "kernel.org " + strings.TrimSuffix(t.file, ".tar.xz"),
		fetch: func(ctx context.Context, tmp, dst string) error {
			file := filepath.Join(tmp, t.file)
			if err := g.download(ctx, base+t.file, file, t.sum); err != nil {
				return err
			}
			g.report.step(StepUnpack, t.file, 0, false)
			err := pipe(ctx, []string{"tar", "-xJf", file, "--no-same-owner", "--strip-components=1", "-C", dst})
			if err != nil {
				return fmt.Errorf("unpacking %s: %w", t.file, err)
			}
			return nil
		},
	}, nil
}

type tarball struct {
	file string // linux-6.12.117.tar.xz
	sum  string // SHA-256 in hex
}

var sumRE = regexp.MustCompile(`^([0-9a-f]{64}) [ *](linux-([0-9]+\.[0-9]+)(?:\.([0-9]{1,6}))?\.tar\.xz)$`)

// newestTarball finds the highest point release of a line in the text of a
// sha256sums.asc.
func newestTarball(sums, line string) (tarball, error) {
	newest, found := -1, tarball{}
	for text := range strings.Lines(sums) {
		m := sumRE.FindStringSubmatch(strings.TrimRight(text, "\r\n"))
		if m == nil || m[3] != line {
			continue
		}
		point, _ := strconv.Atoi("0" + m[4]) // six digits at most; none for x.y itself
		if point > newest {
			newest, found = point, tarball{m[2], m[1]}
		}
	}
	if newest < 0 {
		return tarball{}, fmt.Errorf("names no tarball of linux %s", line)
	}
	return found, nil
}

// open starts a download; size is -1 when the server does not tell.
func (g *getter) open(ctx context.Context, url string) (body io.ReadCloser, size int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, 0, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return resp.Body, resp.ContentLength, nil
}

// download fetches url into file and compares its SHA-256 with sum.
func (g *getter) download(ctx context.Context, url, file, sum string) error {
	body, size, err := g.open(ctx, url)
	if err != nil {
		return err
	}
	defer body.Close()
	g.report.step(StepDownload, filepath.Base(file), max(size, 0), false)
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h, &byteCount{report: g.report}), body)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("downloading %s: %w", url, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("downloading %s: its SHA-256 is %s and should be %s: run it again, or use another network", url, got, sum)
	}
	return nil
}

// byteCount reports the bytes written to it.
type byteCount struct {
	report *reporter
	n      int64
}

func (c *byteCount) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	c.report.done(c.n, "")
	return len(p), nil
}
