package main

import (
	"strings"

	"github.com/kittyhawk/appliance/engine/diag"
)

// rcName is an rc file's name in the home directory and the workspace root.
const rcName = ".appliancerc"

// rcLine is one statement of an rc file: "build:name --flag", "import path".
type rcLine struct {
	position diag.Position
	command  string   // "build", "common", "import", …
	config   string   // what stands after the colon, "" if there is none
	words    []string // the rest, quotes and escapes resolved
}

// parseRC reads an rc file, whose grammar is that of .bazelrc
// (https://bazel.build/run/bazelrc): words parted by white space, a # outside of
// quotes starts a comment, single and double quotes, a backslash takes the next
// character as it is and joins two lines at the end of one.
func parseRC(file, text string) ([]rcLine, error) {
	var lines []rcLine
	var problems diag.List
	s := rcScanner{text: strings.ReplaceAll(text, "\r\n", "\n"), line: 1}
	for !s.atEnd() {
		position := diag.Position{File: file, Line: s.line}
		words, problem := s.statement()
		switch {
		case problem != "":
			problems.Add(diag.Errorf(position, "", "%s", problem))
		case len(words) > 0:
			command, config, named := strings.Cut(words[0], ":")
			if named && config == "" || command == "" {
				problems.Add(diag.Errorf(position, "", "got %q, want COMMAND or COMMAND:CONFIG", words[0]))
				continue
			}
			lines = append(lines, rcLine{position, command, config, words[1:]})
		}
	}
	return lines, problems.Err()
}

// rcScanner walks over an rc file.
type rcScanner struct {
	text string
	at   int // next byte
	line int // its line, from 1
}

func (s *rcScanner) atEnd() bool { return s.at >= len(s.text) }

// next returns a character and steps over it.
func (s *rcScanner) next() byte {
	c := s.text[s.at]
	s.at++
	if c == '\n' {
		s.line++
	}
	return c
}

// joins steps over a backslash and newline, which are nothing at all.
func (s *rcScanner) joins() bool {
	if !strings.HasPrefix(s.text[s.at:], "\\\n") {
		return false
	}
	s.next()
	s.next()
	return true
}

// statement reads the words of a line, which may be joined from several.
func (s *rcScanner) statement() (words []string, problem string) {
	var word strings.Builder
	inWord, quote := false, byte(0)
	end := func() {
		if inWord {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	for !s.atEnd() {
		if s.joins() {
			continue
		}
		c := s.next()
		switch {
		case c == '\n' && quote != 0:
			return nil, "the quote " + string(quote) + " is not closed"
		case c == '\n':
			end()
			return words, ""
		case c == '\\' && s.atEnd():
			return nil, "a backslash ends the file"
		case c == '\\':
			word.WriteByte(s.next())
			inWord = true
		case c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r':
			end()
		case c == '#':
			s.skipComment()
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, "the quote " + string(quote) + " is not closed"
	}
	end()
	return words, ""
}

// skipComment stops before the newline that ends the statement.
func (s *rcScanner) skipComment() {
	for !s.atEnd() && s.text[s.at] != '\n' {
		if !s.joins() {
			s.next()
		}
	}
}
