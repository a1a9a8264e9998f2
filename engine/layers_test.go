package engine_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/kittyhawk/appliance/"

// layer is what one package of the engine may import of the engine: what is
// listed, and what that reaches.
type layer struct {
	level   int
	imports string
}

// layers is the order of the house, bottom up. A package imports only below its
// level. Packages inside a package (store/disk, runner/runnertest) follow the
// row of their parent and may import it.
var layers = map[string]layer{
	"label":     {0, ""},
	"digest":    {0, ""},
	"diag":      {0, ""},
	"sandbox":   {0, ""},
	"jobserver": {0, ""},
	"output":    {0, ""},
	"wire":      {1, "digest"},
	"platform":  {1, "label"},
	"event":     {1, "label digest"},
	"tree":      {2, "wire"},
	"action":    {3, "tree platform"},
	"workspace": {4, "diag action"},
	"star":      {4, "action diag"},
	"load":      {5, "star workspace event"},
	"analyze":   {6, "load"},
	"query":     {1, "label diag"},
	"store":     {4, "action"},
	"fetch":     {5, "store"},
	"runner":    {6, "store sandbox fetch event jobserver diag"},
	"remote":    {7, "runner"},
	"execute":   {7, "runner workspace"},
	".":         {8, "analyze execute"},
}

// homes are where third parties live: packages outside of which a module is
// unknown. A home holds what is below it too.
var homes = map[string]string{
	"go.starlark.net":                   "engine/star engine/load engine/analyze",
	"google.golang.org/protobuf":        "engine/wire engine/remote",
	"google.golang.org/genproto":        "engine/remote",
	"google.golang.org/grpc":            "engine/remote",
	"github.com/bazelbuild/remote-apis": "engine/remote",
	"golang.org/x/sys":                  "engine/sandbox engine/jobserver engine/store/disk",
	"github.com/bmatcuk/doublestar":     "engine/workspace rules/tools",
	"golang.org/x/sync":                 "engine rules/tools",
	"github.com/klauspost/compress":     "rules/tools rules/toolroot engine/remote",
	"github.com/therootcompany/xz":      "rules/tools",
	"github.com/bluekeyes/go-gitdiff":   "rules/tools/patch",
	"github.com/GehirnInc/crypt":        "rules/tools/passwd",
	"golang.org/x/crypto":               "rules/tools/passwd",
	"github.com/ProtonMail/go-crypto":   "rules/toolroot",
	"github.com/google/go-cmp":          "engine/store/storetest",
	"pault.ag/go/debian":                "rules/toolroot",
}

// The table of layers cannot rot: an import that it does not list fails.
func TestLayers(t *testing.T) {
	reach := closure(t)
	for pkg, imports := range sources(t) {
		for _, i := range imports {
			if text := refuse(reach, pkg, i); text != "" {
				t.Errorf("%s imports %s: %s", pkg, strings.TrimPrefix(i, module), text)
			}
		}
	}
}

// Every row of the table is at a level above all that it lists.
func TestLevelsGoUp(t *testing.T) {
	for name, l := range layers {
		for _, i := range strings.Fields(l.imports) {
			if layers[i].level >= l.level {
				t.Errorf("%s at level %d imports %s at level %d", name, l.level, i, layers[i].level)
			}
		}
	}
}

// closure is what each package of the engine may reach, itself included.
func closure(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	var visit func(string) []string
	visit = func(name string) []string {
		l, ok := layers[name]
		if !ok {
			t.Fatalf("the table lists %q, but has no row for it", name)
		}
		if all[name] == nil {
			reached := []string{name}
			for _, i := range strings.Fields(l.imports) {
				reached = append(reached, visit(i)...)
			}
			all[name] = reached
		}
		return all[name]
	}
	for name := range layers {
		visit(name)
	}
	return all
}

// refuse says why a package may not import another; "" if it may.
func refuse(reach map[string][]string, pkg, imported string) string {
	first, _, _ := strings.Cut(imported, "/")
	own, inside := strings.CutPrefix(imported, module)
	switch {
	case strings.HasPrefix(pkg, "cmd/"), !inside && !strings.Contains(first, "."):
		return ""
	case !inside:
		return refuseForeign(pkg, imported)
	case strings.HasPrefix(pkg, "rules"):
		return refuseRules(pkg, own)
	}
	return refuseEngine(reach, pkg, own)
}

func refuseForeign(pkg, imported string) string {
	for name, allowed := range homes {
		if !within(imported, name) {
			continue
		}
		if slices.ContainsFunc(strings.Fields(allowed), func(home string) bool { return within(pkg, home) }) {
			return ""
		}
		return "its homes are " + allowed
	}
	return "it has no home in the table"
}

// refuseRules holds tools to what they may see of the engine.
func refuseRules(pkg, imported string) string {
	allowed := "engine/action engine/tree engine/digest engine/label rules/tools"
	if !within(pkg, "rules/tools") {
		allowed += " rules"
	}
	if slices.ContainsFunc(strings.Fields(allowed), func(a string) bool { return within(imported, a) }) {
		return ""
	}
	return "it may import " + allowed
}

func refuseEngine(reach map[string][]string, pkg, imported string) string {
	room, ok := roomOf(pkg)
	if !ok {
		return "it has no row in the table"
	}
	other, ok := roomOf(imported)
	if ok && slices.Contains(reach[room], other) {
		return ""
	}
	return "it may import " + strings.Join(reach[room][1:], " ")
}

// roomOf is the row of the table that a package belongs to.
func roomOf(pkg string) (string, bool) {
	if pkg == "engine" {
		return ".", true
	}
	rest, ok := strings.CutPrefix(pkg, "engine/")
	name, _, _ := strings.Cut(rest, "/")
	_, known := layers[name]
	return name, ok && known
}

func within(pkg, parent string) bool { return pkg == parent || strings.HasPrefix(pkg, parent+"/") }

// sources are the imports of each package of the module, tests aside.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, top := range []string{"engine", "rules", "cmd"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(p string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() && e.Name() == "testdata" {
				return fs.SkipDir
			}
			if path.Ext(p) != ".go" || strings.HasSuffix(p, "_test.go") {
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			pkg := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(p, ".."+string(filepath.Separator))))
			for _, i := range file.Imports {
				name, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					return err
				}
				found[pkg] = append(found[pkg], name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
