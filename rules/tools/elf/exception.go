package elf

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/trees"
)

// Property is what files should have, and a recipe can declare an exception from.
type Property string

const (
	PropertyCompiler       Property = "compiler"        // compiled by $CC
	PropertyCPU            Property = "cpu"             // compiled for it
	PropertyLibtool        Property = "libtool"         // no .la file
	PropertyNow            Property = "now"             // Hardening.Now
	PropertyOptimize       Property = "optimize"        // compiled with -Os or what the platform says
	PropertyPaths          Property = "paths"           // none of the build
	PropertyPIE            Property = "pie"             // Hardening.PIE
	PropertyRelro          Property = "relro"           // Hardening.Relro
	PropertyRPath          Property = "rpath"           // none
	PropertyStack          Property = "stack"           // no code on it
	PropertyStackProtector Property = "stack_protector" // compiled with one
)

var properties = []Property{
	PropertyCompiler, PropertyCPU, PropertyLibtool, PropertyNow, PropertyOptimize, PropertyPaths,
	PropertyPIE, PropertyRelro, PropertyRPath, PropertyStack, PropertyStackProtector,
}

// Exceptions are what a recipe says need not be in order.
type Exceptions struct{ list []exception }

type exception struct {
	pattern    string
	files      trees.Selection
	properties []Property
	matched    bool
}

// ParseExceptions reads properties and a reason by pattern: for files that a pattern
// of trees.Selection covers, "relro, now: its loader knows neither".
func ParseExceptions(byPattern map[string]string) (*Exceptions, error) {
	e := &Exceptions{}
	for _, pattern := range slices.Sorted(maps.Keys(byPattern)) {
		one, err := parseException(pattern, byPattern[pattern])
		if err != nil {
			return nil, fmt.Errorf("exception %q: %w", pattern, err)
		}
		e.list = append(e.list, one)
	}
	return e, nil
}

func parseException(pattern, text string) (exception, error) {
	files, err := trees.NewSelection([]string{pattern}, nil)
	if err != nil {
		return exception{}, err
	}
	names, reason, _ := strings.Cut(text, ":")
	if strings.TrimSpace(reason) == "" {
		return exception{}, fmt.Errorf("got %q, want properties and a reason, such as \"pie: it is a boot loader\"", text)
	}
	e := exception{pattern: pattern, files: files}
	for name := range strings.SplitSeq(names, ",") {
		property := Property(strings.TrimSpace(name))
		if !slices.Contains(properties, property) {
			return exception{}, fmt.Errorf("no property %q; there are %s", property, join(properties))
		}
		e.properties = append(e.properties, property)
	}
	return e, nil
}

func join(properties []Property) string {
	names := make([]string, len(properties))
	for i, c := range properties {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}

// See takes notice of a file, at a clean path relative to its tree.
func (e *Exceptions) See(file string) {
	for i := range e.list {
		e.list[i].matched = e.list[i].matched || e.list[i].files.Has(file)
	}
}

// Useless are the patterns that no file which was seen matches.
func (e *Exceptions) Useless() []string {
	var patterns []string
	for _, one := range e.list {
		if !one.matched {
			patterns = append(patterns, one.pattern)
		}
	}
	return patterns
}

// Excuse reports whether a file need not have a property.
func (e *Exceptions) Excuse(file string, property Property) bool {
	return slices.ContainsFunc(e.list, func(one exception) bool {
		return slices.Contains(one.properties, property) && one.files.Has(file)
	})
}
