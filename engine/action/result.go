package action

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/engine/wire"
)

// Result is what an action left behind.
type Result struct {
	Outputs  map[string]tree.Node // by Output.Name
	ExitCode int
	Log      digest.Digest // standard output and error together; zero when empty
	Cached   bool          // it was not run for this request
	Spent    Spent         // zero if it is Cached; no part of the encoded result
}

// Spent is what a command took of the machine.
type Spent struct {
	User, System time.Duration // of processor time, by all of its processes
	MaxRSS       int64         // the largest resident set of one process, in bytes
}

// Encode is the result as a REAPI ActionResult.
func (r *Result) Encode() []byte {
	w := wire.ActionResult{ExitCode: int32(r.ExitCode), Stdout: r.Log}
	for _, name := range sortedNames(r.Outputs) {
		n, p := r.Outputs[name], relative(name)
		switch n.Kind {
		case tree.File:
			w.Files = append(w.Files, wire.OutputFile{Path: p, Digest: n.Digest, Executable: n.Executable})
		case tree.Dir:
			w.Directories = append(w.Directories, wire.OutputDirectory{Path: p, Root: n.Digest})
		case tree.Symlink:
			w.Symlinks = append(w.Symlinks, wire.OutputSymlink{Path: p, Target: n.Target})
		}
	}
	return w.Encode()
}

func sortedNames(m map[string]tree.Node) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

// DecodeResult reads an encoded ActionResult as the result of a. A result that
// lacks an output of a, or has it of the wrong kind, is refused.
func DecodeResult(a *Action, b []byte) (*Result, error) {
	w, err := wire.DecodeActionResult(b)
	if err != nil {
		return nil, err
	}
	found := map[string]tree.Node{}
	for _, f := range w.Files {
		found[f.Path] = tree.NewFile(f.Digest, f.Executable)
	}
	for _, d := range w.Directories {
		found[d.Path] = tree.Node{Kind: tree.Dir, Digest: d.Root}
	}
	for _, s := range w.Symlinks {
		found[s.Path] = tree.NewLink(s.Target)
	}
	r := &Result{Outputs: map[string]tree.Node{}, ExitCode: int(w.ExitCode), Log: w.Stdout}
	for _, o := range a.outputs {
		n, ok := found[relative(o.Name)]
		if !ok || (n.Kind == tree.Dir) != o.Artifact.tree {
			return nil, fmt.Errorf("result lacks output %s", o.Name)
		}
		r.Outputs[o.Name] = n
	}
	return r, nil
}
