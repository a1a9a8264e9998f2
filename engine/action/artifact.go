package action

import (
	"fmt"

	"github.com/kittyhawk/appliance/engine/label"
)

// Origin says where the content of an artifact comes from.
type Origin uint8

const (
	Source  Origin = iota // a file or directory of a workspace
	Derived               // an output of an action
	Literal               // bytes that a rule wrote
)

// Artifact is a file or tree that is an input or output. Artifacts are equal
// when their pointers are.
type Artifact struct {
	origin   Origin
	owner    label.Label
	path     string
	tree     bool
	content  []byte  // Literal
	exec     bool    // Literal
	producer *Action // Derived, from the moment the action exists
}

// NewSource is a file or directory of the workspace or layer repo, at a path
// relative to its root. Whether it is a tree is seen on disk.
func NewSource(owner label.Label, tree bool) *Artifact {
	return &Artifact{origin: Source, owner: owner, path: owner.Path(), tree: tree}
}

// NewDerived is an output that a rule declares; some action must produce it.
// path is where it appears below out/.
func NewDerived(owner label.Label, path string, tree bool) *Artifact {
	return &Artifact{origin: Derived, owner: owner, path: path, tree: tree}
}

// Fill makes a declared file, which no action produces, a Literal with these
// bytes.
func (a *Artifact) Fill(content []byte, executable bool) error {
	if a.origin != Derived || a.tree || a.producer != nil {
		return fmt.Errorf("output %s is not a declared file without a producer", a)
	}
	a.origin, a.content, a.exec = Literal, content, executable
	return nil
}

// Origin tells the three sorts of artifacts apart.
func (a *Artifact) Origin() Origin { return a.origin }

// Owner is the source file's label, or the target that declared the artifact.
func (a *Artifact) Owner() label.Label { return a.owner }

// Path is relative to the workspace (Source) or to out/ (the others).
func (a *Artifact) Path() string { return a.path }

// IsTree reports whether the artifact is a directory with all that is in it.
func (a *Artifact) IsTree() bool { return a.tree }

// Producer is the action that makes a Derived artifact; nil for the others, and
// for one that its rule has forgotten to produce.
func (a *Artifact) Producer() *Action { return a.producer }

// Content is the bytes of a Literal and whether they are executable.
func (a *Artifact) Content() (content []byte, executable bool) { return a.content, a.exec }

// String names the artifact for people.
func (a *Artifact) String() string {
	if a.origin == Source {
		return a.owner.String()
	}
	return fmt.Sprintf("%s of %s", a.path, a.owner)
}
