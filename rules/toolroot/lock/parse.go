package lock

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/digest"
)

// Parse reads a lock file as Format writes it, and as people change it: ASKED and
// WITHOUT may have any order, and any of the names may be missing. Errors name the
// line.
func Parse(b []byte) (*Lock, error) {
	p := &parser{}
	for i, line := range strings.Split(string(b), "\n") {
		if err := p.line(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if p.list != "" || p.doc {
		return nil, fmt.Errorf("ends in the middle of %s", p.list)
	}
	return &p.lock, nil
}

// parser is a lock file up to some line.
type parser struct {
	lock Lock
	list string // the name of the list that is open
	doc  bool   // inside of the docstring
}

func (p *parser) line(s string) error {
	switch {
	case p.doc:
		p.doc = s != `"""`
	case s == "" || s[0] == '#':
	case p.list != "" && s == "]":
		p.list = ""
	case p.list != "":
		return p.element(strings.TrimSuffix(s, ","))
	case strings.HasPrefix(s, `"""`):
		return p.docstring(s[3:])
	default:
		return p.assignment(s)
	}
	return nil
}

func (p *parser) docstring(s string) error {
	title, closed := strings.CutSuffix(s, `"""`)
	p.doc = !closed
	if p.lock.Title != "" || title == "" || strings.ContainsAny(title, `"\`) {
		return fmt.Errorf("docstring: want one line of text without quotes")
	}
	p.lock.Title = title
	return nil
}

func (p *parser) assignment(s string) error {
	name, value, _ := strings.Cut(s, " = ")
	switch {
	case name == nameArch:
		return decode(value, &p.lock.Request.Arch)
	case !slices.Contains([]string{nameWanted, nameExclude, nameSources, namePackage}, name):
		return fmt.Errorf("got %.60q, want an assignment to %s, %s, %s, %s or %s", s, nameWanted, nameExclude, nameArch, nameSources, namePackage)
	case value == "[":
		p.list = name
	case value != "[]":
		return fmt.Errorf("%s: want a list with one element a line", name)
	}
	return nil
}

func (p *parser) element(s string) error {
	switch p.list {
	case nameWanted:
		return appendName(s, &p.lock.Request.Wanted)
	case nameExclude:
		return appendName(s, &p.lock.Request.Exclude)
	case nameSources:
		var r sourceRow
		if err := decode(s, &r); err != nil {
			return fmt.Errorf("source: %w", err)
		}
		p.lock.Sources = append(p.lock.Sources, LockedSource{Source{r.Mirror, r.Suite, r.Components}, r.Date.UTC()})
		return nil
	}
	return p.packageRow(s)
}

func appendName(s string, names *[]string) error {
	var name string
	err := decode(s, &name)
	*names = append(*names, name)
	return err
}

func (p *parser) packageRow(s string) error {
	r := row{Mirror: defaultMirror}
	if err := decode(s, &r); err != nil {
		return fmt.Errorf("package: %w", err)
	}
	sum, err := digest.New(r.SHA256, r.Size)
	if err != nil {
		return fmt.Errorf("package %s: %w", r.Name, err)
	}
	p.lock.Packages = append(p.lock.Packages, Locked{r.Name, r.Version, r.Mirror, r.Path, sum})
	return nil
}

// decode reads one JSON value and nothing else.
func decode(s string, v any) error {
	d := json.NewDecoder(strings.NewReader(s))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("got %.60q: %w", s, err)
	}
	if d.More() {
		return fmt.Errorf("got %.60q, want one value a line", s)
	}
	return nil
}
