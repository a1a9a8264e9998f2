package analyze

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/kittyhawk/appliance/engine/star"
)

// canonicalJSON encodes the arguments of a tool: keys sorted, no spaces, so that
// equal arguments are equal bytes. nil is the empty object.
func canonicalJSON(v starlark.Value) ([]byte, error) {
	if v == nil {
		return []byte("{}"), nil
	}
	plain, err := plainOf(v, 0)
	if err != nil {
		return nil, err
	}
	if _, ok := plain.(map[string]any); !ok {
		return nil, fmt.Errorf("got %s, want dict or struct", v.Type())
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(plain); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// plainOf is v as the types that encoding/json sorts and prints the same way
// always.
func plainOf(v starlark.Value, depth int) (any, error) {
	if depth > 100 {
		return nil, fmt.Errorf("nested more than 100 deep")
	}
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil
	case starlark.Bool:
		return bool(v), nil
	case starlark.String:
		return string(v), nil
	case starlark.Int:
		return json.Number(v.String()), nil
	case starlark.Float:
		return float64(v), nil
	case star.Label:
		return v.String(), nil
	case *starlark.Dict:
		return plainObject(v, depth)
	case *starlarkstruct.Struct:
		return plainStruct(v, depth)
	case *starlark.List:
		return plainArray(v, depth)
	case starlark.Tuple:
		return plainArray(v, depth)
	case star.File:
		return nil, fmt.Errorf("got a File; pass files as inputs or outputs")
	}
	return nil, fmt.Errorf("got %s, which JSON cannot hold", v.Type())
}

func plainObject(d *starlark.Dict, depth int) (any, error) {
	out := make(map[string]any, d.Len())
	for key, value := range starlark.Entries(d) {
		name, ok := starlark.AsString(key)
		if !ok {
			return nil, fmt.Errorf("got %s as a key, want string", key.Type())
		}
		plain, err := plainOf(value, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		out[name] = plain
	}
	return out, nil
}

func plainStruct(s *starlarkstruct.Struct, depth int) (any, error) {
	out := map[string]any{}
	for _, name := range s.AttrNames() {
		value, err := s.Attr(name)
		if err != nil {
			return nil, err
		}
		if out[name], err = plainOf(value, depth+1); err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
	}
	return out, nil
}

func plainArray(s starlark.Sequence, depth int) (any, error) {
	out := make([]any, 0, s.Len())
	for e := range starlark.Elements(s) {
		plain, err := plainOf(e, depth+1)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", len(out), err)
		}
		out = append(out, plain)
	}
	return out, nil
}
