package star

import (
	"context"
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/label"
)

// Dialect is the Starlark that all files are written in: Bazel's, with sets.
// There is no recursion and no endless loop.
var Dialect = &syntax.FileOptions{Set: true}

// Files knows the files that code comes from, by the name in its positions.
type Files interface {
	// File is the label of the file; ok is false for a name never loaded.
	File(name string) (l label.Label, ok bool)

	// Text is the content of the file, nil if it is unknown.
	Text(name string) []byte
}

// Environment is what the code on one thread can reach besides its values.
type Environment struct {
	Files    Files
	Print    func(text string) // hears print(), position included
	MaxSteps uint64            // computation steps before the thread is stopped
	Declare  Declarer          // nil while no APPLIANCE.star is being run
}

// Declarer takes the targets that an APPLIANCE.star file declares.
type Declarer interface {
	// Directory is a label in the build directory that is being loaded.
	Directory() label.Label

	// Called is called when a macro is called that can be derived from.
	Called(m *Derivable, kwargs []starlark.Tuple)

	// Declare is called when a rule is called.
	Declare(thread *starlark.Thread, r *Rule, args starlark.Tuple, kwargs []starlark.Tuple) error
}

const (
	environmentKey = "star.environment"
	contextKey     = "star.context"
)

// NewThread starts a thread; release it when it is done. It stops when ctx does.
func NewThread(ctx context.Context, name string, env *Environment) (t *starlark.Thread, release func() bool) {
	t = &starlark.Thread{Name: name, Print: func(t *starlark.Thread, msg string) {
		env.Print(CallerPosition(t).String() + ": " + msg)
	}}
	t.SetLocal(environmentKey, env)
	t.SetLocal(contextKey, ctx)
	t.SetMaxExecutionSteps(env.MaxSteps)
	t.OnMaxSteps = func(t *starlark.Thread) {
		t.Cancel(fmt.Sprintf("more than %d steps: is there an endless computation?", env.MaxSteps))
	}
	return t, context.AfterFunc(ctx, func() { t.Cancel(context.Cause(ctx).Error()) })
}

// EnvironmentOf is the environment that t was made with.
func EnvironmentOf(t *starlark.Thread) *Environment {
	return t.Local(environmentKey).(*Environment)
}

// ContextOf is the context that t was made with.
func ContextOf(t *starlark.Thread) context.Context {
	return t.Local(contextKey).(context.Context)
}

// CallerPosition is where the builtin that is running was called.
func CallerPosition(t *starlark.Thread) diag.Position {
	if t.CallStackDepth() < 2 {
		return diag.Position{}
	}
	return Position(t.CallFrame(1).Pos)
}

// callerFile is a label in the directory of the file that called the builtin
// that is running.
func callerFile(t *starlark.Thread) label.Label {
	l, _ := EnvironmentOf(t).Files.File(CallerPosition(t).File)
	return l
}

// Position is p as the rest of the engine knows it.
func Position(p syntax.Position) diag.Position {
	return diag.Position{File: p.Filename(), Line: int(p.Line), Column: int(p.Col)}
}
