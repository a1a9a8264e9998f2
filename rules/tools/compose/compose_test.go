package compose

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
)

// workbench makes layers out of texts.
type workbench struct {
	t     *testing.T
	trees tree.Memory
	blobs map[digest.Digest][]byte
}

func newWorkbench(t *testing.T) *workbench {
	return &workbench{t: t, blobs: map[digest.Digest][]byte{}}
}

type blob struct{ *bytes.Reader }

func (blob) Close() error { return nil }

func (w *workbench) open(_ context.Context, d digest.Digest) (action.Blob, error) {
	b, ok := w.blobs[d]
	if !ok {
		return nil, fmt.Errorf("no blob %s", d)
	}
	return blob{bytes.NewReader(b)}, nil
}

// layer makes a tree: a path that ends in "*" is executable, "->" in the
// content makes a link, a path that ends in "/" a directory.
func (w *workbench) layer(files map[string]string) tree.Node {
	w.t.Helper()
	b := tree.NewBuilder(&w.trees)
	for p, text := range files {
		n := tree.NewFile(digest.Of([]byte(text)), strings.HasSuffix(p, "*"))
		w.blobs[n.Digest] = []byte(text)
		if target, ok := strings.CutPrefix(text, "->"); ok {
			n = tree.NewLink(target)
		}
		if strings.HasSuffix(p, "/") {
			n = tree.Empty.Node()
		}
		if err := b.Add(context.Background(), strings.TrimRight(p, "*/"), n, "test"); err != nil {
			w.t.Fatal(err)
		}
	}
	root, err := b.Build(context.Background(), &w.trees)
	if err != nil {
		w.t.Fatal(err)
	}
	return root
}

func (w *workbench) compose(a arguments, layers ...tree.Node) (*composed, error) {
	for i := range layers {
		if i == len(a.Layers) {
			a.Layers = append(a.Layers, layer{})
		}
		if a.Layers[i].Origin == "" {
			a.Layers[i].Origin = fmt.Sprintf("//:layer%d", i)
		}
	}
	a.Origin = "//:root"
	return compose(context.Background(), a, materials{
		layers: layers, keys: [][]byte{[]byte(publicKey)}, trees: &w.trees, open: w.open,
	})
}

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILEHdFDs8DK9ChFqbiMnNoTDXVqphEqHbQElUsaIRlBJ kehne@khvmm\n"

// line is the manifest's line for a path, without the origin.
func line(t *testing.T, c *composed, p string) string {
	t.Helper()
	e, ok := c.manifest.Lookup(p)
	if !ok {
		t.Fatalf("no %s in\n%s", p, c.manifest)
	}
	return fmt.Sprintf("%s %04o %d:%d %s", e.Type, e.Mode, e.UID, e.GID, e.Target)
}

// What a layer does not say has one default: root, 0644, 0755.
func TestDefaultsAndRules(t *testing.T) {
	w := newWorkbench(t)
	c, err := w.compose(arguments{
		Users: []user{{Name: "ann", UID: 1000}},
		Layers: []layer{{Rules: []rule{
			{Pattern: "etc/key", Mode: "0600", Owner: "ann:ann"},
			{Pattern: "srv/**/", Mode: "0750"},
			{Pattern: "srv/**", Owner: "ann"},
		}}},
		Rules: []rule{{Pattern: "bin/su", Mode: "4755"}},
	}, w.layer(map[string]string{"etc/key": "secret", "bin/su*": "program", "etc/issue": "hi", "srv/a/b": "x", "bin/sh": "->su"}))
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{
		"etc/issue": "file 0644 0:0 ",
		"etc/key":   "file 0600 1000:1000 ",
		"bin/su":    "file 4755 0:0 ",
		"bin/sh":    "symbolic link 0777 0:0 su",
		"srv/a":     "directory 0750 0:0 ",
		"srv/a/b":   "file 0644 1000:1000 ",
		"etc":       "directory 0755 0:0 ",
	} {
		if got := line(t, c, p); got != want {
			t.Errorf("%s: got %q, want %q", p, got, want)
		}
	}
}

// sshd refuses keys that others may write to; a shadow file that others may
// read is a leak.
func TestAccountsHaveSafeFiles(t *testing.T) {
	w := newWorkbench(t)
	c, err := w.compose(arguments{Users: []user{
		{Name: "ann", UID: 1000, Keys: []int{0}, CreateHome: true},
		{Name: "daemon", UID: 1},
	}}, w.layer(map[string]string{"home/ann/.profile": "x"}))
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{
		"home/ann":                      "directory 0700 1000:1000 ",
		"home/ann/.ssh":                 "directory 0700 1000:1000 ",
		"home/ann/.ssh/authorized_keys": "file 0600 1000:1000 ",
		"home/ann/.profile":             "file 0644 1000:1000 ",
		"etc/shadow":                    "file 0600 0:0 ",
		"etc/passwd":                    "file 0644 0:0 ",
	} {
		if got := line(t, c, p); got != want {
			t.Errorf("%s: got %q, want %q", p, got, want)
		}
	}
	if _, ok := c.manifest.Lookup("home/daemon"); ok {
		t.Error("a home for a system account nobody asked for")
	}
	e, _ := c.manifest.Lookup("home/ann/.ssh/authorized_keys")
	if got := string(c.generated[e.Digest]); got != publicKey {
		t.Errorf("got keys %q", got)
	}
}

// Every mistake is found before an image is made, and said in words that name
// the path and the target to change.
func TestMistakes(t *testing.T) {
	elfFor := func(machine byte) string {
		b := make([]byte, 64)
		copy(b, "\x7fELF\x01\x02\x01")
		b[17], b[19], b[23], b[41] = 2, machine, 1, 52
		return string(b)
	}
	for _, test := range []struct {
		name   string
		a      arguments
		layers []map[string]string
		want   string
	}{
		{"collision", arguments{}, []map[string]string{{"etc/motd": "a"}, {"etc/motd": "b"}}, "/etc/motd: //:layer0 and //:layer1 both bring it"},
		{"file under file", arguments{}, []map[string]string{{"etc": "a"}, {"etc/motd": "b"}}, "//:layer0 has a file at /etc"},
		{"directory over link", arguments{}, []map[string]string{{"lib": "->usr", "usr/": ""}, {"lib/": ""}}, "as a directory, there it is a symbolic link"},
		{"dangling", arguments{}, []map[string]string{{"etc/tz": "->/usr/share/zone"}}, "/etc/tz: the symbolic link of //:layer0 points to /usr/share/zone, and there is no /usr/share/zone"},
		{"link loop", arguments{}, []map[string]string{{"a": "->b", "b": "->a"}}, "/a: the symbolic link"},
		{"no interpreter", arguments{}, []map[string]string{{"bin/x*": "#!/usr/bin/perl -w\n"}}, "wants /usr/bin/perl, and there is no /usr/bin/perl"},
		{"private key", arguments{}, []map[string]string{{"etc/key": "-----BEGIN OPENSSH PRIVATE KEY-----\n"}}, "declare 0600"},
		{"user twice", arguments{Users: []user{{Name: "a", UID: 1}, {Name: "a", UID: 2}}}, nil, `user "a": declared twice`},
		{"uid twice", arguments{Users: []user{{Name: "a", UID: 5}, {Name: "b", UID: 5}}}, nil, `its uid 5 is that of user "a"`},
		{"clear text", arguments{Users: []user{{Name: "a", UID: 1, Password: "hunter2"}}}, nil, "appliance passwd"},
		{"unknown owner", arguments{Layers: []layer{{Rules: []rule{{Pattern: "a", Owner: "bob"}}}}}, []map[string]string{{"a": "x"}}, `no user "bob"; there are root`},
		{"useless rule", arguments{Rules: []rule{{Pattern: "etc/nothing", Mode: "0600"}}}, nil, `the rule for "etc/nothing" matches nothing`},
		{"bad mode", arguments{Rules: []rule{{Pattern: "etc/passwd", Mode: "rw"}}}, nil, `mode "rw"`},
		{"bad node", arguments{Nodes: []node{{Path: "dev/x", Type: "q"}}}, nil, `type "q"`},
		{"wrong machine", arguments{Machine: machine{ELFMachine: "EM_PPC", ELFClass: "ELFCLASS32", ELFData: "ELFDATA2MSB"}},
			[]map[string]string{{"bin/x*": elfFor(8)}}, "/bin/x: the program of //:layer0: built for"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorkbench(t)
			var layers []tree.Node
			for _, files := range test.layers {
				layers = append(layers, w.layer(files))
			}
			_, err := w.compose(test.a, layers...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q in it", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Fatal("the password is in the error")
			}
		})
	}
}

// A later layer wins only where it says so.
func TestReplace(t *testing.T) {
	w := newWorkbench(t)
	c, err := w.compose(arguments{Layers: []layer{{}, {Replace: []string{"etc/*", "opt"}}}},
		w.layer(map[string]string{"etc/motd": "a", "opt/old/x": "x"}),
		w.layer(map[string]string{"etc/motd": "b", "opt": "->etc"}))
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := c.manifest.Lookup("etc/motd"); e.Digest != digest.Of([]byte("b")) || e.Origin != "//:layer1" {
		t.Fatalf("got %+v", e)
	}
	if _, ok := c.manifest.Lookup("opt/old"); ok {
		t.Fatal("what lay below a replaced directory is still there")
	}
}

// Links into what exists only on the running machine are fine.
func TestVolatileTargets(t *testing.T) {
	w := newWorkbench(t)
	if _, err := w.compose(arguments{}, w.layer(map[string]string{"etc/mtab": "->../proc/mounts", "var/run": "->/run"})); err != nil {
		t.Fatal(err)
	}
}

// The same layers give the same manifest, whatever the order of maps.
func TestDeterministic(t *testing.T) {
	var want string
	for range 20 {
		w := newWorkbench(t)
		c, err := w.compose(arguments{Users: []user{{Name: "b", UID: 2}, {Name: "a", UID: 1}}, Nodes: []node{
			{Path: "dev/null", Type: "c", Mode: "0666", Major: 1, Minor: 3, Origin: "//:root"},
		}}, w.layer(map[string]string{"a/1": "1", "a/2": "2", "b/3": "3", "c": "->a"}))
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = c.manifest.String()
		}
		if got := c.manifest.String(); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	}
}
