package analyze

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kittyhawk/appliance/engine/action"
)

// Print writes a plan as text: the requested targets with their files, then a
// block for each action, sorted by its first output, and then for the tests and
// programs of these targets. Equal plans are equal texts.
func Print(w io.Writer, p *Plan) error {
	var b strings.Builder
	for _, t := range p.Targets {
		fmt.Fprintf(&b, "target %s on %s\n", t.Label, t.Configuration)
		for _, f := range t.Files {
			fmt.Fprintf(&b, "  file %s\n", name(f))
		}
	}
	blocks := make([]string, 0, len(p.Actions))
	for _, a := range sorted(p.Actions) {
		blocks = append(blocks, describe(a))
	}
	for _, t := range p.Targets {
		for _, a := range []*action.Action{t.Test, t.Executable} {
			if a != nil {
				blocks = append(blocks, describe(a))
			}
		}
	}
	for _, block := range blocks {
		b.WriteString("\n" + block)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// sorted orders actions by first output, then by their text, for those that
// differ only in configuration.
func sorted(actions []*action.Action) []*action.Action {
	first := func(a *action.Action) string { return a.Outputs()[0].Artifact.Path() }
	return slices.SortedFunc(slices.Values(actions), func(x, y *action.Action) int {
		return cmp.Or(strings.Compare(first(x), first(y)), strings.Compare(describe(x), describe(y)))
	})
}

func describe(a *action.Action) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s\n", a.Mnemonic(), a.Owner())
	if a.Message() != a.Mnemonic()+" "+a.Owner().String() {
		fmt.Fprintf(&b, "  message %s\n", a.Message())
	}
	if a.Timeout() != 0 {
		fmt.Fprintf(&b, "  timeout %s\n", a.Timeout())
	}
	switch w := a.Work().(type) {
	case *action.Command:
		describeCommand(&b, w)
	case *action.ToolCall:
		describeTool(&b, w)
	case *action.Fetch:
		fmt.Fprintf(&b, "  sha256 %s\n", hex.EncodeToString(w.SHA256[:]))
		for _, u := range w.URLs {
			fmt.Fprintf(&b, "  url %s\n", u)
		}
	}
	for _, o := range a.Outputs() {
		fmt.Fprintf(&b, "  output %s = %s\n", o.Name, name(o.Artifact))
	}
	return b.String()
}

func describeCommand(b *strings.Builder, c *action.Command) {
	for _, s := range c.Argv {
		fmt.Fprintf(b, "  argv %q\n", s)
	}
	for _, v := range c.Environment {
		fmt.Fprintf(b, "  env %s=%q\n", v.Name, v.Value)
	}
	if c.Dir != "" {
		fmt.Fprintf(b, "  dir %s\n", c.Dir)
	}
	if c.Cores != 0 {
		fmt.Fprintf(b, "  cores %d\n", c.Cores)
	}
	describeLent(b, c.Lent)
	for _, d := range c.Devices {
		fmt.Fprintf(b, "  device %s\n", d)
	}
	for _, p := range c.Writable {
		fmt.Fprintf(b, "  writable %s\n", p)
	}
	for _, m := range c.Mounts {
		for _, f := range m.Artifacts {
			fmt.Fprintf(b, "  mount %s = %s\n", m.Path, name(f))
		}
	}
}

func describeLent(b *strings.Builder, l action.Lent) {
	if l.Network {
		b.WriteString("  network\n")
	}
	if l.Terminal {
		b.WriteString("  terminal\n")
	}
	if l.Directory != "" {
		fmt.Fprintf(b, "  user_dir %s\n", l.Directory)
	}
	for _, s := range l.Saves {
		kind := ""
		if s.New {
			kind = " (new)"
		}
		fmt.Fprintf(b, "  save %s = %s%s\n", s.Path, s.To, kind)
	}
}

func describeTool(b *strings.Builder, t *action.ToolCall) {
	fmt.Fprintf(b, "  tool %s version %d\n  args %s\n", t.Tool, t.Version, t.Args)
	for _, in := range t.Inputs {
		for _, f := range in.Artifacts {
			fmt.Fprintf(b, "  input %s = %s\n", in.Name, name(f))
		}
	}
}

// name is an artifact; a tree ends in a slash, and the content of a literal is
// told.
func name(f *action.Artifact) string {
	switch {
	case f.Origin() == action.Literal:
		content, executable := f.Content()
		if executable {
			return fmt.Sprintf("%s (executable) %q", f.Path(), content)
		}
		return fmt.Sprintf("%s %q", f.Path(), content)
	case f.Origin() == action.Source && f.IsTree():
		return f.Owner().String() + "/"
	case f.Origin() == action.Source:
		return f.Owner().String()
	case f.IsTree():
		return f.Path() + "/"
	}
	return f.Path()
}
