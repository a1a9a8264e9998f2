package action

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/wire"
)

// Action is one planned step. It is immutable after New.
type Action struct {
	owner    label.Label
	mnemonic string
	message  string
	timeout  time.Duration
	purpose  Purpose
	work     Work
	inputs   []*Artifact // every artifact of work, in its order, each once
	outputs  []Output    // sorted by name
}

// Purpose is what an action is carried out for.
type Purpose uint8

const (
	Build  Purpose = iota // its outputs
	Test                  // to see whether it succeeds; it may have no outputs
	Launch                // because a person wants to use it; it has no outputs
)

// Work is what an action does: *Command, *ToolCall or *Fetch.
type Work interface {
	inputs() []*Artifact
	outputs() []Output
	check() error
}

// Output is an artifact that an action must produce. Name is its path in the
// input root (Command) or the name the tool knows it by (ToolCall).
type Output struct {
	Name     string
	Artifact *Artifact
}

// Command runs argv in a sandbox whose root file system is Mounts and nothing
// else.
type Command struct {
	Argv        []string
	Environment []wire.Variable // sorted by name; nothing is inherited
	Dir         string          // absolute; default "/"
	Mounts      []Mount         // sorted by path
	Writable    []string        // absolute paths of mounts whose copy may be written to; sorted
	Outputs     []Output        // by absolute path; trees exist, empty, when the command starts
	Cores       int             // cores it can make use of through the jobserver; 0 means one
	Devices     []string        // devices of the host below /dev that it gets if they are there; sorted
	Lent        Lent            // what the caller lends it; for Launch alone
}

// Lent is what a program gets of the person who runs it, beside input and output.
type Lent struct {
	Network   bool   // the network of this machine
	Terminal  bool   // a terminal of its own, if the person sits at one
	Directory string // absolute path where the person's directory is, to be written to; "" is nowhere
	Saves     []Save // files that are kept when it ends well; sorted by path
}

// Save is a file that a program may write, and where it is kept.
type Save struct {
	Path string      // absolute; alone in its directory, which is empty when the program starts
	To   label.Label // the source file
	New  bool        // whether the file is not there yet, and nobody's to replace
}

// IsZero reports whether nothing is lent.
func (l Lent) IsZero() bool {
	return !l.Network && !l.Terminal && l.Directory == "" && len(l.Saves) == 0
}

func (l Lent) check() error {
	if l.Directory == "/" {
		return fmt.Errorf("directory /: the root cannot be the caller's directory")
	}
	if l.Directory != "" {
		if err := checkAbsolute("directory", l.Directory); err != nil {
			return err
		}
	}
	dirs := map[string]bool{"/": true}
	for _, s := range l.Saves {
		if err := checkAbsolute("saved file", s.Path); err != nil {
			return err
		}
		if dirs[path.Dir(s.Path)] {
			return fmt.Errorf("saved file %q: want a directory of its own for each", s.Path)
		}
		dirs[path.Dir(s.Path)] = true
	}
	return nil
}

// Mount is trees laid over one another at an absolute path. Two that bring
// different bytes at one path are an error; a file artifact stands alone.
type Mount struct {
	Path      string
	Artifacts []*Artifact
}

// ToolCall runs a Go function of this program on named inputs.
type ToolCall struct {
	Tool    string // Tool.Name
	Version int    // Tool.Version
	Args    []byte // canonical JSON
	Inputs  []NamedInput
	Outputs []Output
}

// NamedInput is what a tool finds under a name: one artifact or a list.
type NamedInput struct {
	Name      string
	Artifacts []*Artifact
}

// Fetch downloads bytes that are known by their digest.
type Fetch struct {
	URLs   []string // tried in order; "mirror://name/path" is resolved by the fetcher
	SHA256 [digest.Size]byte
	Output Output // Name is "file"
}

// Plan is the parts of an Action.
type Plan struct {
	Owner    label.Label
	Mnemonic string // one word in CamelCase
	Message  string // for people; default "Mnemonic owner"
	Timeout  time.Duration
	Purpose  Purpose
	Work     Work
}

// New makes an action and ties its outputs to it. An output that another
// action produces already is an error.
func New(p Plan) (*Action, error) {
	a := &Action{p.Owner, p.Mnemonic, p.Message, p.Timeout, p.Purpose, p.Work, nil, nil}
	if a.message == "" {
		a.message = p.Mnemonic + " " + p.Owner.String()
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Mnemonic, err)
	}
	a.inputs = unique(p.Work.inputs())
	a.outputs = slices.Clone(p.Work.outputs())
	slices.SortFunc(a.outputs, func(x, y Output) int { return strings.Compare(x.Name, y.Name) })
	return a, a.claim()
}

func (p Plan) check() error {
	if err := p.Work.check(); err != nil {
		return err
	}
	outputs := len(p.Work.outputs())
	switch {
	case outputs == 0 && p.Purpose == Build:
		return fmt.Errorf("no outputs")
	case outputs > 0 && p.Purpose == Launch:
		return fmt.Errorf("a program to launch has no outputs")
	}
	if c, ok := p.Work.(*Command); ok && !c.Lent.IsZero() && p.Purpose != Launch {
		return fmt.Errorf("a command of the build is lent nothing")
	}
	return nil
}

// claim ties the outputs to the action.
func (a *Action) claim() error {
	for _, o := range a.outputs {
		if o.Artifact.origin != Derived {
			return fmt.Errorf("%s: output %s is not a declared file or tree", a.mnemonic, o.Artifact)
		}
		if other := o.Artifact.producer; other != nil {
			return fmt.Errorf("%s: output %s is already produced by %s", a.mnemonic, o.Artifact.path, other.mnemonic)
		}
	}
	for _, o := range a.outputs {
		o.Artifact.producer = a
	}
	return nil
}

func unique(in []*Artifact) []*Artifact {
	seen := make(map[*Artifact]bool, len(in))
	return slices.DeleteFunc(in, func(a *Artifact) bool {
		twice := seen[a]
		seen[a] = true
		return twice
	})
}

// Owner is the target that declared the action.
func (a *Action) Owner() label.Label { return a.owner }

// Mnemonic is the action's short kind.
func (a *Action) Mnemonic() string { return a.mnemonic }

// Message is the action in words.
func (a *Action) Message() string { return a.message }

// Purpose is what the action is carried out for.
func (a *Action) Purpose() Purpose { return a.purpose }

// Timeout is how long the action may run; 0 leaves it to the runner.
func (a *Action) Timeout() time.Duration { return a.timeout }

// Work is what the action does.
func (a *Action) Work() Work { return a.work }

// HashedInputs are all artifacts that the key is made of, each once.
func (a *Action) HashedInputs() []*Artifact { return a.inputs }

// Outputs are sorted by name.
func (a *Action) Outputs() []Output { return a.outputs }

func (c *Command) inputs() []*Artifact {
	var in []*Artifact
	for _, m := range c.Mounts {
		in = append(in, m.Artifacts...)
	}
	return in
}

func (c *Command) outputs() []Output { return c.Outputs }

func (c *Command) check() error {
	if len(c.Argv) == 0 {
		return fmt.Errorf("empty argv")
	}
	for _, m := range c.Mounts {
		if err := checkAbsolute("mount", m.Path); err != nil {
			return err
		}
	}
	for _, o := range c.Outputs {
		if err := checkAbsolute("output", o.Name); err != nil {
			return err
		}
		if o.Name == "/" {
			return fmt.Errorf("output /: the root cannot be an output")
		}
	}
	for _, w := range c.Writable {
		if err := checkAbsolute("writable path", w); err != nil {
			return err
		}
	}
	for _, s := range c.Argv {
		if strings.Contains(s, "\x00") {
			return fmt.Errorf("argument %q: holds NUL", s)
		}
	}
	for _, d := range c.Devices {
		if !strings.HasPrefix(d, "/dev/") || path.Clean(d) != d {
			return fmt.Errorf("device %q: want a clean path below /dev", d)
		}
	}
	if c.Dir != "" {
		if err := checkAbsolute("working directory", c.Dir); err != nil {
			return err
		}
	}
	return c.Lent.check()
}

func checkAbsolute(what, p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return fmt.Errorf("%s %q: want a clean absolute path", what, p)
	}
	return nil
}

func (t *ToolCall) inputs() []*Artifact {
	var in []*Artifact
	for _, i := range t.Inputs {
		in = append(in, i.Artifacts...)
	}
	return in
}

func (t *ToolCall) outputs() []Output { return t.Outputs }

func (t *ToolCall) check() error {
	for _, i := range t.Inputs {
		if i.Name == "" || strings.ContainsAny(i.Name, "/\x00") || i.Name[0] == '.' {
			return fmt.Errorf("tool %s: input name %q: want a plain word", t.Tool, i.Name)
		}
	}
	return nil
}

func (f *Fetch) inputs() []*Artifact { return nil }

func (f *Fetch) outputs() []Output { return []Output{f.Output} }

func (f *Fetch) check() error {
	if len(f.URLs) == 0 {
		return fmt.Errorf("no URL to fetch sha256 %x from", f.SHA256)
	}
	return nil
}
