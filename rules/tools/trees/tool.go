package trees

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/tree"
)

// MergeTool is "merge": the input directories "trees", in order, become the
// output tree "tree". Arguments, all optional, are the fields of Plan:
// strip_prefix, include, exclude, relative_links, usr_merge, replace, links (a dictionary from
// path to target), empty_dirs, prefix. Paths of links and empty_dirs may begin
// with one slash, which means the root of the tree.
func MergeTool() action.Tool {
	return action.Tool{Name: "merge", Version: 1, Run: merge}
}

// SelectTool is "select": a part of the input directory "tree" becomes the output
// tree "tree". Arguments, all optional: strip_prefix, include, exclude, prefix.
// Patterns are matched below strip_prefix.
func SelectTool() action.Tool {
	return action.Tool{Name: "select", Version: 1, Run: selectPart}
}

type mergeArguments struct {
	StripPrefix string            `json:"strip_prefix"`
	Include     []string          `json:"include"`
	Exclude     []string          `json:"exclude"`
	Relative    bool              `json:"relative_links"`
	UsrMerge    bool              `json:"usr_merge"`
	Replace     []string          `json:"replace"`
	Links       map[string]string `json:"links"`
	EmptyDirs   []string          `json:"empty_dirs"`
	Prefix      string            `json:"prefix"`
}

func (a mergeArguments) plan() (Plan, error) {
	wanted, err := NewSelection(a.Include, a.Exclude)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{
		StripPrefix: a.StripPrefix, Wanted: wanted, Relative: a.Relative, UsrMerge: a.UsrMerge, Replace: a.Replace,
		Links: make(map[string]string, len(a.Links)), Prefix: a.Prefix,
	}
	for _, link := range slices.Sorted(maps.Keys(a.Links)) {
		p.Links[strings.TrimPrefix(link, "/")] = a.Links[link]
	}
	for _, d := range a.EmptyDirs {
		p.EmptyDirs = append(p.EmptyDirs, strings.TrimPrefix(d, "/"))
	}
	return p, nil
}

func merge(ctx context.Context, call action.Call) error {
	var args mergeArguments
	if err := call.Args(&args); err != nil {
		return err
	}
	p, err := args.plan()
	if err != nil {
		return err
	}
	in, err := origins(call, "trees")
	if err != nil {
		return err
	}
	root, err := Merge(ctx, callStore(call), in, p)
	if err != nil {
		return err
	}
	return call.PutTree("tree", root)
}

type selectArguments struct {
	StripPrefix string   `json:"strip_prefix"`
	Include     []string `json:"include"`
	Exclude     []string `json:"exclude"`
	Prefix      string   `json:"prefix"`
}

func selectPart(ctx context.Context, call action.Call) error {
	var args selectArguments
	if err := call.Args(&args); err != nil {
		return err
	}
	wanted, err := NewSelection(args.Include, args.Exclude)
	if err != nil {
		return err
	}
	in, err := origins(call, "tree")
	if err != nil {
		return err
	}
	if len(in) != 1 {
		return fmt.Errorf(`input "tree": got %d, want one directory`, len(in))
	}
	root, err := Merge(ctx, callStore(call), in, Plan{StripPrefix: args.StripPrefix, Wanted: wanted, Prefix: args.Prefix})
	if err != nil {
		return err
	}
	return call.PutTree("tree", root)
}

// origins are the directories given under name.
func origins(call action.Call, name string) ([]Origin, error) {
	var list []Origin
	for _, in := range call.Inputs(name) {
		o := Origin{in.Owner, in.Node}
		if path.Base(o.Name) != in.Name {
			o.Name = fmt.Sprintf("%s (%s)", in.Name, in.Owner)
		}
		if in.Node.Kind != tree.Dir {
			return nil, fmt.Errorf("input %q: %s is a %s, want a directory", name, o.Name, in.Node.Kind)
		}
		list = append(list, o)
	}
	return list, nil
}

// store is a tree.Store of what a call gives.
type store struct {
	tree.Source
	tree.Sink
}

func callStore(call action.Call) tree.Store { return store{call.Trees(), call.Sink()} }
