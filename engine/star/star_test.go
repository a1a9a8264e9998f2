package star

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/label"
)

// oneFile is a Files of a single file.
type oneFile struct{ text []byte }

func (f oneFile) File(string) (label.Label, bool) { return mustParse("//lib:test.star"), true }
func (f oneFile) Text(string) []byte              { return f.text }

// run runs text as a library that also knows eq(got, want) and
// fails(function, regexp).
func run(t *testing.T, name string, text []byte) error {
	t.Helper()
	env := &Environment{Files: oneFile{text}, Print: func(s string) { t.Log(s) }, MaxSteps: 1_000_000}
	thread, release := NewThread(context.Background(), name, env)
	defer release()
	names := Everywhere()
	maps.Copy(names, InLibraries())
	names["eq"] = starlark.NewBuiltin("eq", eq)
	names["fails"] = starlark.NewBuiltin("fails", fails)
	globals, err := starlark.ExecFileOptions(Dialect, thread, name, text, names)
	for global, v := range globals {
		if e, ok := v.(interface{ Export(string) }); ok {
			e.Export(global)
		}
	}
	if err != nil {
		return err
	}
	for _, global := range globals.Keys() {
		if test, ok := globals[global].(*starlark.Function); ok && strings.HasPrefix(global, "test_") {
			if _, err := starlark.Call(thread, test, nil, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func eq(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, want starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "got", &got, "want", &want); err != nil {
		return nil, err
	}
	same, err := starlark.Equal(got, want)
	if err == nil && !same {
		err = fmt.Errorf("got %s, want %s", got, want)
	}
	return starlark.None, err
}

func fails(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var f starlark.Callable
	var pattern string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "f", &f, "pattern", &pattern); err != nil {
		return nil, err
	}
	_, err := starlark.Call(t, f, nil, nil)
	if err == nil || !regexp.MustCompile(pattern).MatchString(err.Error()) {
		return nil, fmt.Errorf("got %v, want an error that matches %q", err, pattern)
	}
	return starlark.None, nil
}

// The values keep Bazel's promises.
func TestValues(t *testing.T) {
	text, err := os.ReadFile("testdata/values.star")
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t, "values.star", text); err != nil {
		var eval *starlark.EvalError
		if errors.As(err, &eval) {
			t.Fatal(eval.Backtrace())
		}
		t.Fatal(err)
	}
}

// A chain of depsets as long as a build has targets must not exhaust the stack,
// and shared parts must not be walked again and again.
func TestDeepDepset(t *testing.T) {
	d, err := NewDepset("default", []starlark.Value{starlark.String("0")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100_000 {
		d, err = NewDepset("default", []starlark.Value{starlark.String(fmt.Sprint(i))}, []*Depset{d, d})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(d.List()); n != 100_000 {
		t.Fatalf("got %d elements", n)
	}
}

func FuzzValues(f *testing.F) {
	text, err := os.ReadFile("testdata/values.star")
	if err != nil {
		f.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "\n\n") {
		f.Add([]byte(part))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 2000 || strings.Contains(string(text), "*") {
			return // '*' makes gigabytes out of bytes
		}
		if err := run(t, "fuzz.star", text); err != nil {
			Problems(err, oneFile{text}, "").Err()
		}
	})
}
