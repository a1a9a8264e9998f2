package uimage

import (
	"context"
	"fmt"
	"io"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/rules/tools/budget"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
)

// arguments of the tool, as the uimage rule writes them. Names are U-Boot's own.
type arguments struct {
	Type        string `json:"type"`
	Arch        string `json:"arch"`
	OS          string `json:"os"`
	Compression string `json:"compression"`
	Load        uint32 `json:"load"`
	Entry       uint32 `json:"entry"`
	Name        string `json:"name"`
	Time        int64  `json:"time"`
	LimitBytes  int64  `json:"limit_bytes"` // of the whole image; 0 is none
}

// Tool is the action tool "uimage": input "parts" (one file; for type multi or
// script one or more) and optionally "manifest" (what the image holds, for the
// error of one that is too large); output "image".
func Tool() action.Tool {
	return action.Tool{Name: "uimage", Version: 1, Run: runTool}
}

func runTool(ctx context.Context, call action.Call) error {
	var args arguments
	if err := call.Args(&args); err != nil {
		return err
	}
	spec, err := args.spec()
	if err != nil {
		return err
	}
	parts, closeParts, err := openParts(ctx, call)
	defer closeParts()
	if err != nil {
		return err
	}
	w, err := call.Create("image", false)
	if err != nil {
		return err
	}
	h, err := Write(w, spec, parts...)
	if err != nil {
		return err
	}
	if err := args.checkLimit(ctx, call, h); err != nil {
		return err
	}
	return w.Close()
}

func (a arguments) spec() (Spec, error) {
	s := Spec{Load: a.Load, Entry: a.Entry, Name: a.Name, Time: a.Time}
	var err error
	if s.Type, err = ParseType(a.Type); err != nil {
		return s, err
	}
	if s.Arch, err = ParseArch(a.Arch); err != nil {
		return s, err
	}
	if s.OS, err = ParseOS(a.OS); err != nil {
		return s, err
	}
	s.Compression, err = ParseCompression(a.Compression)
	return s, err
}

func openParts(ctx context.Context, call action.Call) (parts []*io.SectionReader, closeAll func(), err error) {
	var open []io.Closer
	closeAll = func() {
		for _, c := range open {
			c.Close()
		}
	}
	for _, in := range call.Inputs("parts") {
		b, err := call.Open(ctx, in.Node.Digest)
		if err != nil {
			return nil, closeAll, err
		}
		open = append(open, b)
		parts = append(parts, io.NewSectionReader(b, 0, b.Size()))
	}
	return parts, closeAll, nil
}

// checkLimit blames the contents of the image if there is a manifest of them.
func (a arguments) checkLimit(ctx context.Context, call action.Call, h Header) error {
	if len(call.Inputs("manifest")) == 0 {
		return h.CheckSize(a.LimitBytes)
	}
	m, err := manifest.FromInput(ctx, call, "manifest")
	if err != nil {
		return fmt.Errorf("contents of the image: %w", err)
	}
	return budget.Check(h.ImageSize(), a.LimitBytes, m)
}
