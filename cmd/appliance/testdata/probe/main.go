// Probe is the only program in the tool root of the fixture: it stands for
// compilers, and looks around in the sandbox. It is linked statically.
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Println("probe:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch args[0] {
	case "compile":
		return compile(args[1], args[2:])
	case "install":
		return install(args[1], args[2], args[3])
	case "look":
		return look(args[1])
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// compile writes what it got: its options, and all files below /src and /deps.
func compile(object string, options []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "options %q\n", options)
	for _, dir := range []string{"/src", "/deps"} {
		if err := digestFiles(&b, dir); err != nil {
			return err
		}
	}
	return os.WriteFile(object, []byte(b.String()), 0o644)
}

func digestFiles(b *strings.Builder, dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !e.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.HasPrefix(string(content), "#error") {
			return fmt.Errorf("%s: %s", path, content)
		}
		info, _ := e.Info()
		fmt.Fprintf(b, "%s %t %x\n", path, info.Mode()&0o100 != 0, sha256.Sum256(content))
		return err
	})
}

// install makes files of several kinds of one object.
func install(out, name, object string) error {
	content, err := os.ReadFile(object)
	if err != nil {
		return err
	}
	dir := filepath.Join(out, "usr/share", name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "object"), content, 0o666),
		os.WriteFile(filepath.Join(dir, "program"), content, 0o777),
		os.Symlink("object", filepath.Join(dir, "link")),
		os.Link(filepath.Join(dir, "object"), filepath.Join(dir, "again")),
		os.Mkdir(filepath.Join(dir, "empty"), 0o700),
	)
}
