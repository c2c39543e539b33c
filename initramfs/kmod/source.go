// Package kmod is our own kernel module, teardown: its source, which the host
// builds against every kernel, and the client by which a guest uses it. The
// module makes a registration fail where user space cannot, and plants what the
// detectors must find.
package kmod

import (
	"embed"
	"io/fs"
)

// Name is the module's name, as the kernel spells it.
const Name = "teardown"

//go:embed src/Kbuild src/*.c src/*.h
var embedded embed.FS

// Source is what the module is built from: a folder for Kbuild, flat.
func Source() fs.FS {
	sub, err := fs.Sub(embedded, "src")
	if err != nil {
		panic(err) // src is a valid path
	}
	return sub
}
