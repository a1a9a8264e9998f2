package action

import (
	"context"
	"io"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// Tool is a versioned pure function that actions call: of its arguments and
// inputs, and of nothing else. Whoever changes what it writes bumps Version.
type Tool struct {
	Name    string
	Version int
	Run     func(ctx context.Context, call Call) error
}

// Call is what one run of a tool may see and make. Outputs are published when
// Run returns nil, and thrown away otherwise.
type Call interface {
	// Args decodes the arguments, a JSON object, into v. Unknown fields are errors.
	Args(v any) error

	// Inputs are the nodes given under a name, in order; nil if there are none.
	Inputs(name string) []Input

	// Trees finds the directories of inputs and of trees under construction.
	Trees() tree.Source

	// Open opens a file that an input is or holds.
	Open(ctx context.Context, d digest.Digest) (Blob, error)

	// Create makes the output file of that name. The caller closes it.
	Create(name string, executable bool) (io.WriteCloser, error)

	// CreateTree makes the output tree of that name. The caller closes it.
	CreateTree(name string) (TreeWriter, error)

	// PutTree declares that the output tree of that name is n: an input, or
	// what a tree.Builder made of inputs. Its directories go into Sink.
	PutTree(name string, n tree.Node) error

	// Sink keeps the directories of trees that PutTree will name.
	Sink() tree.Sink

	// Recall and Remember keep small pure results between runs by a digest of all
	// they depend on; the tool's name and version are added to it. Recall may
	// forget.
	Recall(key digest.Digest) ([]byte, bool)
	Remember(key digest.Digest, value []byte)

	// Printf adds a line to the action's log.
	Printf(format string, args ...any)
}

// Input is one input of a tool.
type Input struct {
	Node  tree.Node
	Name  string // the last part of the artifact's path
	Owner string // the label it comes from
}

// Blob is the bytes of one file, open for reading.
type Blob interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Size() int64
}

// TreeWriter takes the content of an output tree, in any order. Paths are clean
// and relative; parents are made; what is there already is an error.
type TreeWriter interface {
	Directory(path string) error
	File(path string, executable bool) (io.WriteCloser, error)
	Symlink(path, target string) error
	// Link makes path another name of the file or symbolic link at existing.
	Link(path, existing string) error
	// Add puts a node of an input, with all below it, at path.
	Add(path string, n tree.Node) error
	io.Closer
}
