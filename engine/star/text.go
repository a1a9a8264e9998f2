package star

import (
	"strings"

	"go.starlark.net/starlark"
)

// Text is the value of an attribute as regular expressions like it: strings
// and labels without quotes.
func Text(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.String:
		return string(v)
	case *starlark.List:
		var parts []string
		for e := range starlark.Elements(v) {
			parts = append(parts, Text(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Label:
		return v.Label.String()
	}
	return v.String()
}
