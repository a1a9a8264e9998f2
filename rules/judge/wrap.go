package judge

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// loader is where programs for amd64 expect their dynamic linker
// (https://gitlab.com/x86-psABIs/x86-64-ABI, "Program Interpreter").
const loader = "lib64/ld-linux-x86-64.so.2"

// wrap writes dir/name, a script that starts the program of that name with the
// root's own dynamic linker and libraries: those of the host may be older, or of
// another libc. mke2fs would read its defaults from the host's /etc, tclsh its library from /usr.
func wrap(dir, root, name string) (string, error) {
	program, err := lookup(root, name)
	if err != nil {
		return "", err
	}
	ld, err := inRoot(root, loader)
	if err != nil {
		return "", err
	}
	libraries := filepath.Join(root, "lib/x86_64-linux-gnu") + ":" + filepath.Join(root, "usr/lib/x86_64-linux-gnu")
	script := fmt.Sprintf("#!/bin/sh\nMKE2FS_CONFIG=%s TCL_LIBRARY=%s exec %s --library-path %s --argv0 %s %s \"$@\"\n",
		quote(filepath.Join(root, "etc/mke2fs.conf")), quote(filepath.Join(root, "usr/share/tcltk/tcl8.6")), quote(ld), quote(libraries), quote(name), quote(program))
	path := filepath.Join(dir, name)
	// A process that is forked while the script is open for writing would make
	// starting it fail with ETXTBSY (https://go.dev/issue/22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return path, os.WriteFile(path, []byte(script), 0o755)
}

// inRoot follows one symbolic link as it is meant inside the root, where "/" is
// the root.
func inRoot(root, name string) (string, error) {
	path := filepath.Join(root, name)
	target, err := os.Readlink(path)
	if err != nil {
		return path, err
	}
	if filepath.IsAbs(target) {
		return filepath.Join(root, target), nil
	}
	return filepath.Join(filepath.Dir(path), target), nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
