package main

import (
	"path/filepath"
	"strings"
)

// environment is the process's environment, read once.
type environment map[string]string

func newEnvironment(environ []string) environment {
	env := environment{}
	for _, s := range environ {
		if name, value, ok := strings.Cut(s, "="); ok {
			env[name] = value
		}
	}
	return env
}

// cacheDir is where the cache is unless a flag says otherwise: APPLIANCE_CACHE, or
// appliance in the XDG cache directory
// (https://specifications.freedesktop.org/basedir-spec/latest/).
func (e environment) cacheDir() (string, error) {
	if dir := e["APPLIANCE_CACHE"]; dir != "" {
		return dir, nil
	}
	// The specification: a relative path is invalid and ignored.
	if dir := e["XDG_CACHE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "appliance"), nil
	}
	if home := e["HOME"]; home != "" {
		return filepath.Join(home, ".cache", "appliance"), nil
	}
	return "", usagef("no place for the cache: HOME is not set; give --cache or APPLIANCE_CACHE")
}

const mirrorPrefix = "APPLIANCE_MIRROR_"

// mirrors are the base URLs in APPLIANCE_MIRROR_<NAME>, by name in lower case.
func (e environment) mirrors() map[string]string {
	found := map[string]string{}
	for variable, url := range e {
		if name, ok := strings.CutPrefix(variable, mirrorPrefix); ok && name != "" && url != "" {
			found[strings.ToLower(name)] = strings.TrimRight(url, "/")
		}
	}
	return found
}

// dumbTerminal reports whether a terminal understands no control sequences.
func (e environment) dumbTerminal() bool { return e["TERM"] == "" || e["TERM"] == "dumb" }
