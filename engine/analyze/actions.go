package analyze

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/star"
	"github.com/kittyhawk/appliance/engine/wire"
)

// actions is the value ctx.actions of one node. It works until the
// implementation returns.
type actions struct {
	*analysis
	node   *node
	closed bool
}

// declared is an output with the place of its declaration.
type declared struct {
	artifact *action.Artifact
	position diag.Position
}

var _ starlark.HasAttrs = (*actions)(nil)

func (a *actions) String() string        { return "<actions of " + a.node.label.String() + ">" }
func (a *actions) Type() string          { return "actions" }
func (a *actions) Freeze()               {}
func (a *actions) Truth() starlark.Bool  { return true }
func (a *actions) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: actions") }

// methods is the one table of them.
var methods = map[string]func(a *actions, t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error){
	"declare_directory": (*actions).declareDirectory,
	"declare_file":      (*actions).declareFile,
	"executable":        (*actions).executable,
	"fetch":             (*actions).fetch,
	"run":               (*actions).run,
	"test":              (*actions).test,
	"tool":              (*actions).tool,
	"write":             (*actions).write,
}

func (a *actions) AttrNames() []string { return slices.Sorted(maps.Keys(methods)) }

func (a *actions) Attr(name string) (starlark.Value, error) {
	method, ok := methods[name]
	if !ok {
		return nil, nil
	}
	return starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if a.closed {
			return nil, fmt.Errorf("%s: %s was analysed already; actions are declared while its implementation runs", name, a.node.label)
		}
		return method(a, t, args, kwargs)
	}), nil
}

func (a *actions) close() { a.closed = true }

func (a *actions) declareFile(t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return a.declare(t, "declare_file", false, args, kwargs)
}

func (a *actions) declareDirectory(t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return a.declare(t, "declare_directory", true, args, kwargs)
}

func (a *actions) declare(t *starlark.Thread, function string, tree bool, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs(function, args, kwargs, "name", &name); err != nil {
		return nil, err
	}
	at, err := a.node.label.Sibling(name)
	if err != nil || name == "." {
		return nil, fmt.Errorf("%s: got %q, want a name below the build directory", function, name)
	}
	p := at.Path()
	if at.Repo() != "" {
		p = "@" + at.Repo() + "/" + p
	}
	for _, d := range a.node.declared {
		if d.artifact.Path() == p {
			return nil, fmt.Errorf("%s: %q was declared before, at %s", function, name, d.position)
		}
	}
	f := action.NewDerived(a.node.label, p, tree)
	a.node.declared = append(a.node.declared, &declared{f, star.CallerPosition(t)})
	return star.NewFile(f), nil
}

func (a *actions) write(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var output star.File
	var content string
	var executable bool
	if err := starlark.UnpackArgs("write", args, kwargs, "output", &output, "content", &content, "is_executable?", &executable); err != nil {
		return nil, err
	}
	if err := a.own(output); err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	return starlark.None, output.Artifact().Fill([]byte(content), executable)
}

// own refuses outputs that another target declared.
func (a *actions) own(f star.File) error {
	for _, d := range a.node.declared {
		if d.artifact == f.Artifact() {
			return nil
		}
	}
	return fmt.Errorf("output %s was not declared by %s", f, a.node.label)
}

// common are the arguments that all actions have.
type common struct {
	mnemonic, message string
	timeout           int // seconds
	purpose           action.Purpose
}

// plan makes an action of the node.
func (a *actions) plan(c common, w action.Work) (*action.Action, error) {
	if !mnemonicPattern.MatchString(c.mnemonic) {
		return nil, &star.ArgumentError{Name: "mnemonic", Text: fmt.Sprintf("mnemonic: got %q, want a word in CamelCase", c.mnemonic)}
	}
	if c.timeout < 0 {
		return nil, &star.ArgumentError{Name: "timeout_s", Text: fmt.Sprintf("timeout_s: got %d, want at least 0", c.timeout)}
	}
	return action.New(action.Plan{
		Owner:    a.node.label,
		Mnemonic: c.mnemonic,
		Message:  c.message,
		Timeout:  time.Duration(c.timeout) * time.Second,
		Purpose:  c.purpose,
		Work:     w,
	})
}

// build adds an action that a build carries out.
func (a *actions) build(c common, w action.Work) (starlark.Value, error) {
	made, err := a.plan(c, w)
	if err != nil {
		return nil, err
	}
	a.node.actions = append(a.node.actions, made)
	return starlark.None, nil
}

var mnemonicPattern = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)

func (a *actions) tool(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var c common
	var params starlark.Value
	var inputs, outputs *starlark.Dict
	w := &action.ToolCall{}
	err := starlark.UnpackArgs("tool", args, kwargs, "tool", &w.Tool, "mnemonic?", &c.mnemonic, "progress_message?", &c.message,
		"args??", &params, "inputs??", &inputs, "outputs", &outputs)
	if err != nil {
		return nil, err
	}
	var known bool
	if w.Version, known = a.opts.Tools[w.Tool]; !known {
		near := label.Nearest(w.Tool, slices.Sorted(maps.Keys(a.opts.Tools)))
		return nil, &star.ArgumentError{Name: "tool", Text: fmt.Sprintf("no tool %q", w.Tool), Hint: star.DidYouMean(near)}
	}
	if c.mnemonic == "" {
		c.mnemonic = camelCase(w.Tool)
	}
	if w.Args, err = canonicalJSON(params); err != nil {
		return nil, fmt.Errorf("args: %w", err)
	}
	if w.Inputs, err = namedInputs("inputs", inputs); err != nil {
		return nil, err
	}
	if w.Outputs, err = a.outputs(outputs); err != nil {
		return nil, err
	}
	return a.build(c, w)
}

// camelCase is the mnemonic of a tool that was given none.
func camelCase(s string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == '_' || r == '-' || r == '.' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func (a *actions) fetch(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	c := common{mnemonic: "Fetch"}
	var output star.File
	var urls *starlark.List
	var sum string
	if err := starlark.UnpackArgs("fetch", args, kwargs, "output", &output, "urls", &urls, "sha256", &sum, "progress_message?", &c.message); err != nil {
		return nil, err
	}
	if err := a.own(output); err != nil {
		return nil, err
	}
	if output.Artifact().IsTree() {
		return nil, fmt.Errorf("fetch: got a directory as output, want a file")
	}
	hash, err := digest.ParseHash(sum)
	if err != nil {
		return nil, &star.ArgumentError{Name: "sha256", Text: err.Error()}
	}
	w := &action.Fetch{SHA256: hash, Output: action.Output{Name: "file", Artifact: output.Artifact()}}
	if w.URLs, err = texts("urls", urls); err != nil {
		return nil, err
	}
	if c.message == "" && len(w.URLs) > 0 {
		c.message = "Fetch " + path.Base(w.URLs[0])
	}
	return a.build(c, w)
}

func texts(what string, l *starlark.List) ([]string, error) {
	if l == nil {
		return nil, nil
	}
	out := make([]string, 0, l.Len())
	for e := range starlark.Elements(l) {
		switch e := e.(type) {
		case starlark.String:
			out = append(out, string(e))
		case star.File:
			return nil, fmt.Errorf("%s: element %d: got a File, want string: mount the file and name its path", what, len(out))
		default:
			return nil, fmt.Errorf("%s: element %d: got %s, want string", what, len(out), e.Type())
		}
	}
	return out, nil
}

func environment(d *starlark.Dict) ([]wire.Variable, error) {
	if d == nil {
		return nil, nil
	}
	var env []wire.Variable
	for key, value := range starlark.Entries(d) {
		name, ok := starlark.AsString(key)
		if !ok || name == "" || strings.ContainsAny(name, "=\x00") {
			return nil, fmt.Errorf("env: %s is not a name of a variable", key)
		}
		text, ok := starlark.AsString(value)
		if !ok || strings.Contains(text, "\x00") {
			return nil, fmt.Errorf("env: %s: got %s, want string without NUL", name, value.Type())
		}
		env = append(env, wire.Variable{Name: name, Value: text})
	}
	slices.SortFunc(env, func(x, y wire.Variable) int { return strings.Compare(x.Name, y.Name) })
	return env, nil
}

// namedInputs reads a dict from name to File, list or depset, sorted by name.
func namedInputs(what string, d *starlark.Dict) ([]action.NamedInput, error) {
	if d == nil {
		return nil, nil
	}
	var inputs []action.NamedInput
	for key, value := range starlark.Entries(d) {
		name, ok := starlark.AsString(key)
		if !ok {
			return nil, fmt.Errorf("%s: got %s as a key, want string", what, key.Type())
		}
		artifacts, err := artifactsOf(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", what, name, err)
		}
		inputs = append(inputs, action.NamedInput{Name: name, Artifacts: artifacts})
	}
	slices.SortFunc(inputs, func(x, y action.NamedInput) int { return strings.Compare(x.Name, y.Name) })
	return inputs, nil
}

// artifactsOf reads a File, or a list or depset of what it reads, in order.
func artifactsOf(v starlark.Value) ([]*action.Artifact, error) {
	var elements []starlark.Value
	switch v := v.(type) {
	case star.File:
		return []*action.Artifact{v.Artifact()}, nil
	case *star.Depset:
		elements = v.List()
	case *starlark.List:
		elements = slices.Collect(starlark.Elements(v))
	default:
		return nil, fmt.Errorf("got %s, want File, depset or list of them", v.Type())
	}
	var all []*action.Artifact
	for _, e := range elements {
		some, err := artifactsOf(e)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (a *actions) outputs(d *starlark.Dict) ([]action.Output, error) {
	if d == nil {
		return nil, nil
	}
	var outputs []action.Output
	for key, value := range starlark.Entries(d) {
		name, ok := starlark.AsString(key)
		if !ok {
			return nil, fmt.Errorf("outputs: got %s as a key, want string", key.Type())
		}
		f, ok := value.(star.File)
		if !ok {
			return nil, fmt.Errorf("outputs: %q: got %s, want File", name, value.Type())
		}
		if err := a.own(f); err != nil {
			return nil, fmt.Errorf("outputs: %q: %w", name, err)
		}
		outputs = append(outputs, action.Output{Name: name, Artifact: f.Artifact()})
	}
	slices.SortFunc(outputs, func(x, y action.Output) int { return strings.Compare(x.Name, y.Name) })
	return outputs, nil
}
