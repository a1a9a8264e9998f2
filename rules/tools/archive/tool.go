package archive

import (
	"context"
	"fmt"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/rules/tools/trees"
)

// Tool is "unpack": the input file "archive" becomes the output tree "tree".
// Arguments, all optional: member (string: "archive" is a tree, and the archive
// the file at that path in it), strip_prefix (string), strip_components (int),
// include and exclude (lists of patterns), allow_escaping_links (bool),
// max_size_mib and max_entries (int).
func Tool() action.Tool {
	return action.Tool{Name: "unpack", Version: 1, Run: run}
}

type arguments struct {
	Member             string   `json:"member"`
	StripPrefix        string   `json:"strip_prefix"`
	StripComponents    int      `json:"strip_components"`
	Include            []string `json:"include"`
	Exclude            []string `json:"exclude"`
	AllowEscapingLinks bool     `json:"allow_escaping_links"`
	MaxSizeMiB         int64    `json:"max_size_mib"`
	MaxEntries         int      `json:"max_entries"`
}

func (a arguments) options() (Options, error) {
	s, err := trees.NewSelection(a.Include, a.Exclude)
	if err != nil {
		return Options{}, err
	}
	if a.MaxSizeMiB > 1<<40 {
		return Options{}, fmt.Errorf("max_size_mib: got %d, want at most %d", a.MaxSizeMiB, int64(1)<<40)
	}
	return Options{
		StripPrefix:        a.StripPrefix,
		StripComponents:    a.StripComponents,
		Selection:          s,
		AllowEscapingLinks: a.AllowEscapingLinks,
		Limits:             Limits{Bytes: a.MaxSizeMiB << 20, Entries: a.MaxEntries},
	}, nil
}

func run(ctx context.Context, call action.Call) error {
	var args arguments
	if err := call.Args(&args); err != nil {
		return err
	}
	o, err := args.options()
	if err != nil {
		return err
	}
	name, content, err := archiveInput(ctx, call, args.Member)
	if err != nil {
		return err
	}
	blob, err := call.Open(ctx, content)
	if err != nil {
		return err
	}
	defer blob.Close()
	w, err := call.CreateTree("tree")
	if err != nil {
		return err
	}
	if err := Unpack(ctx, blob, blob.Size(), o, w); err != nil {
		w.Close()
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return w.Close()
}
