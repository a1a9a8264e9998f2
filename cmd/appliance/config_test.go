package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever stands in an rc file, the answer is flags or an error that names the
// file.
func FuzzApplyRC(f *testing.F) {
	for _, s := range []string{
		"build --jobs=3", "info:a --config=a", "common -kj4 --mirror a=b://c", "build -=x", "build --=", "always --rc=x",
		"build --config=b\nbuild:b --config a --jobs\nbuild:a -j", "build -é", "import rc", "build --norc --jobs 3 -", "build ''",
	} {
		f.Add(s)
	}
	dir := f.TempDir()
	file := filepath.Join(dir, "rc")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "import") {
			return // of files that are none of our business
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p := &program{dir: dir, env: environment{}}
		args := []string{"info", "--config=a", "--rc=rc"}
		root := newRoot(p)
		err := p.applyRC(root, args, globalFlags{rc: []string{"rc"}})
		if err == nil {
			err = p.config.Set("a")
		}
		if err != nil && !strings.Contains(err.Error(), file) && !strings.HasPrefix(err.Error(), "--config=a: no rc file defines it") {
			t.Errorf("the error does not name the file: %v", err)
		}
	})
}
