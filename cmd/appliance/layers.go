package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/execute"
	"github.com/kittyhawk/appliance/engine/fetch"
	"github.com/kittyhawk/appliance/engine/label"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/runner"
	"github.com/kittyhawk/appliance/engine/store/disk"
	unpack "github.com/kittyhawk/appliance/rules/tools/archive"
)

// layerStore brings layers that are archives into the store, as a build would: a
// download, then the tool that unpacks source archives. It is for one goroutine.
type layerStore struct {
	store  *disk.Store
	config execute.Config
	ids    event.ActionID // how many actions there were
}

// open is the directory that holds what is in a layer's archive. It stays as
// long as the store is open: gc takes nothing that a living process has used.
func (l *layerStore) open(ctx context.Context, layer load.Layer) (string, error) {
	unpacked, err := layerPlan(layer)
	if err != nil {
		return "", err
	}
	config := l.config
	config.Events = layerEvents{l.config.Events, l.ids}
	l.ids += 2
	outcome, err := execute.Run(ctx, []*action.Artifact{unpacked}, config)
	if err != nil {
		return "", layerFailure(layer, err)
	}
	return l.store.Path(ctx, outcome.Nodes[unpacked])
}

// layerPlan is what is in a layer's archive, as the output of two actions.
func layerPlan(layer load.Layer) (*action.Artifact, error) {
	owner, err := label.New(layer.Name, "", "layer")
	if err != nil {
		return nil, err
	}
	args, err := json.Marshal(map[string]string{"strip_prefix": layer.Archive.StripPrefix})
	if err != nil {
		return nil, err
	}
	tool := unpack.Tool()
	packed := action.NewDerived(owner, path.Base(layer.Archive.URLs[0]), false)
	unpacked := action.NewDerived(owner, "layer", true)
	_, err = action.New(action.Plan{
		Owner:    owner,
		Mnemonic: "FetchLayer",
		Message:  "Fetch layer " + layer.Name,
		Work: &action.Fetch{
			URLs:   layer.Archive.URLs,
			SHA256: layer.Archive.SHA256,
			Output: action.Output{Name: "file", Artifact: packed},
		},
	})
	if err != nil {
		return nil, err
	}
	_, err = action.New(action.Plan{
		Owner:    owner,
		Mnemonic: "UnpackLayer",
		Message:  "Unpack layer " + layer.Name,
		Work: &action.ToolCall{
			Tool:    tool.Name,
			Version: tool.Version,
			Args:    args,
			Inputs:  []action.NamedInput{{Name: "archive", Artifacts: []*action.Artifact{packed}}},
			Outputs: []action.Output{{Name: "tree", Artifact: unpacked}},
		},
	})
	return unpacked, err
}

// layerFailure leaves out what names the actions: whoever reads it has written a
// layer.
func layerFailure(layer load.Layer, err error) error {
	var download *fetch.Failed
	var problem *diag.Problem
	switch {
	case errors.As(err, &download):
		text, hint, _ := strings.Cut(download.Error(), "\n    hint: ")
		return &diag.Problem{Kind: diag.Action, Text: text, Hint: hint, Cause: download}
	case errors.As(err, &problem) && problem.Kind == diag.Action && problem.Cause != nil:
		return &diag.Problem{Kind: diag.Action, Text: fmt.Sprintf("%s: %s", layer.Archive.URLs[0], problem.Cause), Cause: problem.Cause}
	}
	return err
}

// layerEvents passes on what becomes of the actions for a layer, which are none
// of the build's: their numbers are negative, and do not count.
type layerEvents struct {
	next  event.Sink
	first event.ActionID
}

// Hear passes e on.
func (l layerEvents) Hear(e event.Event) {
	switch e := e.(type) {
	case event.Scheduled, event.Executed:
	case event.ActionStarted:
		e.ID = l.id(e.ID)
		l.next.Hear(e)
	case event.ActionProgress:
		e.ID = l.id(e.ID)
		l.next.Hear(e)
	case event.ActionFinished:
		e.ID = l.id(e.ID)
		l.next.Hear(e)
	default:
		l.next.Hear(e)
	}
}

func (l layerEvents) id(id event.ActionID) event.ActionID { return -1 - l.first - id }

// lateLayers gets what opens layers ready when the first one comes: most
// workspaces have none.
type lateLayers struct {
	open  func(context.Context) (*layerStore, error)
	store *layerStore // nil until there is a layer
}

// Open is load.Options.OpenLayer.
func (l *lateLayers) Open(ctx context.Context, layer load.Layer) (string, error) {
	if l.store == nil {
		store, err := l.open(ctx)
		if err != nil {
			return "", err
		}
		l.store = store
	}
	return l.store.open(ctx, layer)
}

// absent runs nothing.
type absent struct{}

// Run says so.
func (absent) Run(context.Context, runner.Job) (*action.Result, error) {
	return nil, errors.New("not in the cache")
}
