package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What a .bazelrc user writes, and the words that arrive.
func TestParseRC(t *testing.T) {
	for text, want := range map[string]string{
		"build --jobs=3":                        `1 build "" ["--jobs=3"]`,
		"build:ci  --a\t--b # why\n":            `1 build "ci" ["--a" "--b"]`,
		"# all\n\n  common --color no":          `3 common "" ["--color" "no"]`,
		"build --a \\\n  --b\nquery --c":        `1 build "" ["--a" "--b"]; 3 query "" ["--c"]`,
		"build --a\\\n--b":                      `1 build "" ["--a--b"]`,
		"build '--a b' --c=\"d 'e'\"":           `1 build "" ["--a b" "--c=d 'e'"]`,
		`build --a=\"x\ y\\`:                    `1 build "" ["--a=\"x y\\"]`,
		`build "a\"b" ''`:                       `1 build "" ["a\"b" ""]`,
		"build --mirror=a#b":                    `1 build "" ["--mirror=a"]`,
		"build '#' \\#":                         `1 build "" ["#" "#"]`,
		"import %workspace%/x.rc\r\nbuild -k\r": `1 import "" ["%workspace%/x.rc"]; 2 build "" ["-k"]`,
		"# comment \\\nbuild --not":             "",
		"build":                                 `1 build "" []`,
		"\"build:a b\" -k":                      `1 build "a b" ["-k"]`,
	} {
		lines, err := parseRC("rc", text)
		if got := show(lines); err != nil || got != want {
			t.Errorf("%q\n got %s, %v\nwant %s", text, got, err, want)
		}
	}
}

func show(lines []rcLine) string {
	var all []string
	for _, l := range lines {
		all = append(all, fmt.Sprintf("%d %s %q %q", l.position.Line, l.command, l.config, l.words))
	}
	return strings.Join(all, "; ")
}

// All mistakes of a file are reported, each with its line.
func TestParseRCErrors(t *testing.T) {
	_, err := parseRC("rc", "build 'a\nbuild: -k\n:x -k\nbuild -k \\")
	const want = `rc:1: the quote ' is not closed
rc:2: got "build:", want COMMAND or COMMAND:CONFIG
rc:3: got ":x", want COMMAND or COMMAND:CONFIG
rc:4: a backslash ends the file`
	if err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

// What is read can be written and read again, and nothing panics or hangs.
func FuzzParseRC(f *testing.F) {
	for _, s := range []string{"build:a --b='c d' \\\n # e", "import x", "'\"'", "\\", "a\\\n\\\n#\\\nb\nc"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parseRC("rc", text)
		if err != nil {
			return
		}
		var b strings.Builder
		for _, l := range lines {
			b.WriteString(strings.Repeat("\n", max(0, l.position.Line-1-strings.Count(b.String(), "\n"))))
			b.WriteString(writeRC(l) + "\n")
		}
		again, err := parseRC("rc", b.String())
		if err != nil || !slices.EqualFunc(lines, again, sameWords) {
			t.Fatalf("parseRC(%q) = %s, reads back as %s, %v", text, show(lines), show(again), err)
		}
	})
}

func sameWords(a, b rcLine) bool {
	return a.command == b.command && a.config == b.config && slices.Equal(a.words, b.words)
}

func writeRC(l rcLine) string {
	head := l.command
	if l.config != "" {
		head += ":" + l.config
	}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var b strings.Builder
	for _, w := range append([]string{head}, l.words...) {
		// A newline can only be had as an escape outside of quotes, where it would join
		// two lines: no word that was read holds one.
		b.WriteString(`"` + escape.Replace(w) + `" `)
	}
	return b.String()
}
