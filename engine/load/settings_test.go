package load_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/kittyhawk/appliance/engine/event"
	"github.com/kittyhawk/appliance/engine/load"
	"github.com/kittyhawk/appliance/engine/load/loadtest"
	"github.com/kittyhawk/appliance/engine/workspace"
)

// open writes files and opens the workspace in the directory main.
func open(t *testing.T, files map[string]string, embedded fs.FS) *workspace.Workspace {
	t.Helper()
	root := (&loadtest.Chunk{Files: files}).Open(t).Root()
	ws, err := workspace.Open(filepath.Join(root, "main"), workspace.Options{Embedded: map[string]fs.FS{"rules": embedded}})
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

var embedded = fstest.MapFS{
	"APPLIANCE.star":      {Data: []byte("workspace(name = 'rules', toolchains = ['//cc:all'])\n")},
	"defs.star":           {Data: []byte("name = 'embedded'\ndef here(name):\n    filegroup(name = name, srcs = [Label('//cc:x')])\n")},
	"cc/APPLIANCE.star":   {Data: []byte("filegroup(name = 'x', visibility = ['//visibility:public'])\nbad(\n")},
	"good/APPLIANCE.star": {Data: []byte("filegroup(name = 'y')\n")},
}

// Rules come with the program, layers lie beside the workspace, and all three
// speak of one another by name.
func TestLayers(t *testing.T) {
	ws := open(t, map[string]string{
		"main/APPLIANCE.star":  "workspace(name = 'main', layers = {'site': '../site'})\nload('@site//:site.star', 'site')\nload('@rules//:defs.star', 'here')\nsite('a')\nhere('b')\n",
		"site/APPLIANCE.star":  "workspace(name = 'site')\nexports_files(['f'])\n",
		"site/site.star":       "load('@rules//:defs.star', n = 'name')\ndef site(name):\n    filegroup(name = name + n, srcs = [Label(':f'), ':f'])\n",
		"site/f":               "",
		"site/sub/x.star":      "",
		"site/sub/y/z/no.star": "",
	}, embedded)
	l := newLoader(ws)
	targets, err := l.Targets(ctx, patterns(t, "//...", "@site//:f", "@rules//good/..."))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range targets {
		got = append(got, x.Label().String())
		for _, d := range x.Deps() {
			got = append(got, " "+d.String())
		}
	}
	want := []string{"//:aembedded", " //:f", " @site//:f", "//:b", " @rules//cc:x", "@rules//good:y", "@site//:f"}
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	_, err = l.Targets(ctx, patterns(t, "@rules//cc:x"))
	if err == nil || !strings.HasPrefix(err.Error(), "@rules//cc/APPLIANCE.star:3:1: got end of file, want ')'") {
		t.Fatalf("the error of an embedded file: %v", err)
	}
}

// What the root file says is read before it is run.
func TestSettings(t *testing.T) {
	l := newLoader(open(t, map[string]string{"main/APPLIANCE.star": `
workspace(
    name = "x",
    default_platform = "@rules//p:ppc",
    exec_platform = "//p:host",
    toolchains = ["//cc:all", "@rules//cc:x"],
    mirrors = {"debian": "http://a/", "gnu": ["http://b/", "http://c/"]},
)
load("//:gone.star", "x")
`}, embedded))
	s, err := l.Settings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "x" || s.DefaultPlatform.String() != "@rules//p:ppc" || s.ExecPlatform.String() != "//p:host" ||
		len(s.Toolchains) != 2 || s.Toolchains[0].String() != "//cc:all" || !slices.Equal(s.Mirrors["gnu"], []string{"http://b/", "http://c/"}) ||
		!slices.Equal(s.Mirrors["debian"], []string{"http://a/"}) {
		t.Fatalf("got %+v", s)
	}
	rules, err := l.RepoSettings(ctx, "rules")
	if err != nil || rules.Toolchains[0].String() != "@rules//cc:all" {
		t.Fatalf("got %+v, %v", rules, err)
	}
}

// A layer by URL is somebody else's to open; without that somebody it is
// refused.
func TestLayerByURL(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	files := map[string]string{
		"main/APPLIANCE.star":    "workspace(layers = {'far': {'url': 'u', 'sha256': '" + sum + "', 'strip_prefix': 'p'}})\n",
		"far/APPLIANCE.star":     "workspace(name = 'far', layers = {'sub': 'sub'})\nfilegroup(name = 'x')\n",
		"far/sub/APPLIANCE.star": "workspace(name = 'sub')\nx = y\n",
	}
	_, err := newLoader(open(t, files, embedded)).Settings(ctx)
	if err == nil || !strings.HasPrefix(err.Error(), `APPLIANCE.star:1:21: workspace: layer "far": only layers by path can be opened here`) {
		t.Fatal(err)
	}
	ws := open(t, files, embedded)
	l := load.New(ws, event.Discard, load.Options{OpenLayer: func(_ context.Context, layer load.Layer) (string, error) {
		if got := layer.String(); got != "u (sha256 "+sum+"), directory p" {
			return "", errors.New(got)
		}
		return filepath.Join(ws.Root(), "..", "far"), nil
	}})
	if _, err := l.Targets(ctx, patterns(t, "@far//:x")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Targets(ctx, patterns(t, "@sub//...")); err == nil || !strings.HasPrefix(err.Error(), "@sub//APPLIANCE.star:2:5: undefined: y") {
		t.Fatal(err)
	}
}

// notes keeps the notes it hears.
type notes struct {
	mu    sync.Mutex
	texts []string
}

func (n *notes) Hear(e event.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if note, ok := e.(event.Note); ok {
		n.texts = append(n.texts, note.Text)
	}
}

// print tells where it stands.
func TestPrint(t *testing.T) {
	var heard notes
	ws := (&loadtest.Chunk{Files: map[string]string{"APPLIANCE.star": "filegroup(name = 'x')\nprint('a', 1)\n"}}).Open(t)
	if _, err := load.New(ws, &heard, load.Options{}).Targets(ctx, patterns(t, "//...")); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(heard.texts, []string{"APPLIANCE.star:2:6: a 1"}) {
		t.Fatalf("got %q", heard.texts)
	}
}

// Whoever gives up gets the reason, not problems of half-read files.
func TestCancel(t *testing.T) {
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	ws := loadtest.Tree(20).Open(t)
	if _, err := newLoader(ws).Targets(cancelled, patterns(t, "//...")); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// A file of a layer is shown by a path that an editor can open.
func TestLayerPositions(t *testing.T) {
	ws := open(t, map[string]string{
		"main/APPLIANCE.star": "workspace(layers = {'site': '../site'})\n",
		"site/APPLIANCE.star": "workspace(name = 'site'); x = y\n",
	}, embedded)
	_, err := newLoader(ws).Targets(ctx, patterns(t, "@site//..."))
	if err == nil || !strings.HasPrefix(err.Error(), "../site/APPLIANCE.star:1:31: undefined: y") {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(ws.Root(), "../site/APPLIANCE.star")); err != nil {
		t.Fatal(err)
	}
}
