// Package kernel gets a kernel to boot: one of the kernel lines by number, a
// developer's own tree, or a ready image. It fetches and verifies sources,
// configures them with the fragments of a profile, checks that every option
// asked for holds, builds out of tree, together with our own module, and keeps
// the result in a cache that survives an interrupted build and two runs at once.
//
// The cache (see [CacheDir]) holds
//
//	sources/LINE/   one unpacked source a line
//	builds/NAME/    unfinished builds, and one incremental build a tree
//	kernels/HASH/   finished kernels, each with a kernel.json; of a line one
//	                bare, and one with our own module
//	ready.json      the kernel that a plain "go test ./tests" boots
package kernel

import (
	"context"
	"net/http"
	"runtime"

	"netdev.test/teardown/kconfigs"
)

// A Kernel is one kernel ready to boot.
type Kernel struct {
	Line       string   `json:"line"`        // "6.12" if it was asked for by its line, "" for a tree or an image
	Release    string   `json:"release"`     // as uname -r prints it: "6.12.117-teardown"
	Source     string   `json:"source"`      // for people: "Debian linux-source-6.12 6.12.117-1"
	Profile    string   `json:"profile"`     // "leak"; "" for an image
	Families   []string `json:"families"`    // of device kinds whose drivers it has; none named means all
	ConfigHash string   `json:"config_hash"` // SHA-256 of the final .config in hex, "" for an image
	Image      string   `json:"image"`       // path of the bzImage
	Modules    string   `json:"modules"`     // folder that holds lib/modules/RELEASE, "" without modules
	Asked      []string `json:"asked"`       // the config lines asked for, for the guest to check again
	// Mutants are the bugs that were compiled into it on purpose, each behind a
	// switch; none in a real kernel, see [Kernel.Real]. Those whose files the
	// configuration leaves out are not among them.
	Mutants []string `json:"mutants,omitempty"`
}

// A Request says which kernel is wanted. At most one of Line, Tree and Image
// is set; with none the newest long-term line this machine can get is meant.
type Request struct {
	Line      string   // a name from kconfigs.Lines
	Tree      string   // folder of a kernel source tree; never written to
	Image     string   // a bzImage
	Modules   string   // only with Image: folder that holds lib/modules/RELEASE
	Profile   string   // a name from kconfigs.Profiles, "" for the default
	Families  []string // of device kinds, from kconfigs.Families; none means all
	Fragments []string // more fragments, merged after the profile's: names, or files
	Update    bool     // look for a newer source of the line even if one is in the cache
	Mutate    Mutate   // only with Line: what to change in its source; nil for the real kernel
}

// Options say how a kernel is got. The zero value is the usual way.
type Options struct {
	CacheDir  string         // default: CacheDir()
	Jobs      int            // jobs of make, default one for each CPU
	Progress  func(Progress) // called by one goroutine at a time; may be nil
	KernelOrg string         // base URL of the tarballs, default kernel.org's
	Client    *http.Client   // default: one that gives up on a silent server
}

// Get returns the kernel asked for, from the cache or by building it. Bad
// input is an [InputError], a failed build a [BuildError]; a source that
// cannot be had wraps [ErrNoSource] and a full disk [ErrDiskFull].
func Get(ctx context.Context, r Request, o Options) (Kernel, error) {
	if err := r.check(); err != nil {
		return Kernel{}, err
	}
	if r.Image != "" {
		return fromImage(r.Image, r.Modules)
	}
	if runtime.GOARCH != "amd64" {
		return Kernel{}, inputf("teardown builds x86-64 kernels and this machine is %s: give a ready one with --image FILE", runtime.GOARCH)
	}
	g, err := newGetter(ctx, r, o)
	if err != nil {
		return Kernel{}, err
	}
	switch {
	case r.Tree != "":
		return g.tree(ctx, r.Tree)
	case r.Line != "":
		line, err := kconfigs.FindLine(r.Line)
		if err != nil {
			return Kernel{}, &InputError{err}
		}
		return g.line(ctx, line)
	}
	return g.newestLongterm(ctx)
}

func (r Request) check() error {
	given := 0
	for _, s := range []string{r.Line, r.Tree, r.Image} {
		if s != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return inputf("--kernel, --tree and --image exclude each other: give one of them")
	case r.Mutate != nil && r.Line == "":
		return inputf("mutants are compiled into the kernel of a line: give one with --kernel")
	case r.Modules != "" && r.Image == "":
		return inputf("--modules goes with --image: a kernel built here brings its own modules")
	case r.Image != "" && (r.Profile != "" || len(r.Families) > 0 || len(r.Fragments) > 0):
		return inputf("--image is a finished kernel: a profile, kinds or a fragment cannot change it")
	}
	return nil
}
