package kernel

import (
	"os"
	"path/filepath"
	"strings"
)

// fromImage returns the kernel that a ready bzImage and a folder of modules
// make. Nothing of it is copied.
func fromImage(image, modules string) (Kernel, error) {
	release, err := imageRelease(image)
	if err != nil {
		return Kernel{}, err
	}
	abs, err := filepath.Abs(image)
	if err != nil {
		return Kernel{}, err
	}
	k := Kernel{Release: release, Source: "image " + image, Image: abs}
	if modules != "" {
		k.Modules, err = modulesRoot(modules, release)
	}
	return k, err
}

// modulesRoot returns the folder that holds lib/modules/RELEASE, given that
// folder or one of the three below it that lead there.
func modulesRoot(dir, release string) (string, error) {
	given, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(given); err != nil {
		return "", inputf("modules: %w: give the folder that holds lib/modules/%s", err, release)
	}
	for _, below := range []string{"", "/lib", "/lib/modules", "/lib/modules/" + release} {
		root, ok := strings.CutSuffix(given, below)
		if !ok {
			continue
		}
		if info, err := os.Stat(filepath.Join(root, "/lib/modules", release)); err == nil && info.IsDir() {
			return filepath.Clean("/" + root), nil
		}
	}
	return "", inputf("modules %s: no lib/modules/%s in it: give the INSTALL_MOD_PATH of this image's modules_install", dir, release)
}
