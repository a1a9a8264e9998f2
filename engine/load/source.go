package load

import (
	"fmt"
	"sync"

	"go.starlark.net/syntax"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
)

// maxDepth is how deep brackets may nest. The parser recurses, and Go ends the
// program when its stack is full.
const maxDepth = 500

// sourceFiles are the files that were read, by the name in positions.
type sourceFiles struct{ files sync.Map }

type sourceFile struct {
	label label.Label
	text  []byte
}

func (s *sourceFiles) add(name string, l label.Label, text []byte) {
	s.files.Store(name, sourceFile{l, text})
}

// File is the label of a file, in its build directory.
func (s *sourceFiles) File(name string) (label.Label, bool) {
	f, ok := s.files.Load(name)
	if !ok {
		return label.Label{}, false
	}
	return f.(sourceFile).label, true
}

// Text is the content of a file.
func (s *sourceFiles) Text(name string) []byte {
	f, ok := s.files.Load(name)
	if !ok {
		return nil
	}
	return f.(sourceFile).text
}

// parse reads the file at path p of repo. base is a label in the build
// directory it belongs to.
func (l *Loader) parse(repo, p string, base label.Label) (*syntax.File, error) {
	text, err := l.workspace.ReadFile(repo, p)
	if err != nil {
		return nil, err
	}
	name := l.workspace.Display(repo, p)
	l.files.add(name, base, text)
	if err := checkDepth(name, text); err != nil {
		return nil, err
	}
	return star.Dialect.Parse(name, text, 0)
}

// checkDepth refuses text with too many open brackets, the one sort of nesting
// that costs the parser more stack for a byte than a file may have bytes. It does
// not bother to know strings: honest files are far from the limit.
func checkDepth(name string, text []byte) error {
	depth, line := 0, 1
	for _, c := range text {
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(0, depth-1)
		case '\n':
			line++
		}
		if depth > maxDepth {
			return diag.Errorf(diag.Position{File: name, Line: line}, "", "brackets are nested more than %d deep", maxDepth)
		}
	}
	return nil
}

// loads are the load statements of a file, in order.
func loads(f *syntax.File) []*syntax.LoadStmt {
	var found []*syntax.LoadStmt
	for _, s := range f.Stmts {
		if ld, ok := s.(*syntax.LoadStmt); ok {
			found = append(found, ld)
		}
	}
	return found
}

// problem is a user problem in a file that was read, with its source line.
func (l *Loader) problem(pos diag.Position, subject, format string, args ...any) *diag.Problem {
	p := diag.Errorf(pos, subject, "%s", fmt.Sprintf(format, args...))
	p.Excerpt = star.Line(&l.files, pos)
	return p
}
