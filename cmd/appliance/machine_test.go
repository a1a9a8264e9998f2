package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

// A machine is the workspace of the fixture as a value that can be edited at random.
type machine struct {
	Hostname  string
	Issue     string
	BlockSize int
	Level     int
	Comment   string            // in APPLIANCE.star; means nothing
	Overlay   map[string]source // by path below srv; never empty
	Modes     map[string]string // by such a path
	Users     []account
	Software  []piece
}

type account struct {
	Name     string
	UID      int
	Password string
}

// A piece is a package of the machine.
type piece struct {
	Name    string
	Options []string
	Sources map[string]string
	Deps    []string // names of pieces before it
}

// Hashes of "one" and "two"; what matters is that they are well formed.
var hashes = []string{
	"*",
	"!",
	"$6$khvmmroot$lzAanZN677YpQ8QZb2DHRTYLbuRxrFk9nakuqf4tJCPX3082/C3hN5Qe0xNeIAqM7ec.5kc0eX3sIVVwfBXke0",
	"$6$khvmmkehne$Hc3RW7O9MW0rUvHTLuMndZ9ZCM8Ra/0KkvQqcAH.LZPJ1ia0vh.imhqWLJcLPsX8jyAf9Vsq4P4i5Y4nFlOrF1",
}

// newMachine is where random sequences begin.
func newMachine() machine {
	return machine{
		Hostname:  "fixture",
		BlockSize: 1024,
		Level:     8,
		Overlay:   map[string]source{"keep": {Text: "keep\n"}, "a": {Text: "aaaa\n"}, "bin/b": {Text: "bbbb\n", Executable: true}},
		Modes:     map[string]string{"a": "0600"},
		Users:     []account{{"root", 0, hashes[2]}, {"ann", 1000, "*"}},
		Software: []piece{
			{Name: "zero", Options: []string{"-O"}, Sources: map[string]string{"main": "main\n"}},
			{Name: "one", Sources: map[string]string{"main": "main\n", "lib/sub": "sub\n"}, Deps: []string{"zero"}},
		},
	}
}

// clone shares nothing with m.
func (m machine) clone() machine {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	var c machine
	if err := json.Unmarshal(text, &c); err != nil {
		panic(err)
	}
	return c
}

// files are the sources of the workspace.
func (m machine) files() map[string]source {
	files := map[string]source{"APPLIANCE.star": {Text: m.star(m.targets())}}
	for name, f := range m.Overlay {
		files["overlay/srv/"+name] = f
	}
	for _, p := range m.Software {
		for name, text := range p.Sources {
			files["src/"+p.Name+"/"+name] = source{Text: text}
		}
	}
	return files
}

// star is APPLIANCE.star with these targets.
func (m machine) star(targets []string) string {
	return `load("@rules//rootfs:defs.star", "overlay", "user")
load("//:defs.star", "machine", "software")

workspace(name = "fixture")
` + m.Comment + "\n" + strings.Join(targets, "\n")
}

// targets are declarations, each a call with a keyword argument a line.
func (m machine) targets() []string {
	names, users := []string{}, []string{}
	list := []string{}
	for _, p := range m.Software {
		names = append(names, ":"+p.Name)
		deps := []string{}
		for _, d := range p.Deps {
			deps = append(deps, ":"+d)
		}
		list = append(list, call("software", "name = "+quote(p.Name), "src = "+quote("src/"+p.Name),
			"options = "+quotes(p.Options), "deps = "+quotes(deps)))
	}
	for _, u := range m.Users {
		users = append(users, fmt.Sprintf("user(%q, uid = %d, password = %q)", u.Name, u.UID, u.Password))
	}
	var modes []string
	for _, name := range slices.Sorted(maps.Keys(m.Modes)) {
		modes = append(modes, fmt.Sprintf("%q: %q", "srv/"+name, m.Modes[name]))
	}
	return append(list,
		call("overlay", `name = "files"`, `src = "overlay"`, "modes = {"+strings.Join(modes, ", ")+"}"),
		call("machine", `name = "m"`, "packages = "+quotes(names), `overlays = [":files"]`,
			"users = ["+strings.Join(users, ", ")+"]", "hostname = "+quote(m.Hostname), "issue = "+quote(m.Issue),
			fmt.Sprintf("block_size = %d", m.BlockSize), fmt.Sprintf("level = %d", m.Level)))
}

func call(rule string, args ...string) string {
	return rule + "(\n    " + strings.Join(args, ",\n    ") + ",\n)\n"
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

func quotes(list []string) string {
	quoted := []string{}
	for _, s := range list {
		quoted = append(quoted, quote(s))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// An edit changes a machine as a person does; one that does not fit does nothing.
type edit struct {
	name  string
	apply func(r *rand.Rand, m *machine)
}

var edits = []edit{
	{"add a file", func(r *rand.Rand, m *machine) { m.addFile(randomPath(r), randomFile(r)) }},
	{"add a link", func(r *rand.Rand, m *machine) {
		m.addFile(randomPath(r), source{Target: pick(r, []string{"/srv/keep", "/srv/./keep"})})
	}},
	{"change a file", func(r *rand.Rand, m *machine) { m.Overlay["keep"] = source{Text: randomText(r)} }},
	{"remove a file", func(r *rand.Rand, m *machine) { m.removeFile(m.pickFile(r)) }},
	{"rename a file", renameFile},
	{"swap two files", swapFiles},
	{"file becomes directory", func(r *rand.Rand, m *machine) {
		name := m.pickFile(r)
		m.removeFile(name)
		m.addFile(path.Join(name, "below"), randomFile(r))
	}},
	{"toggle the executable bit", toggleExecutable},
	{"set a mode", func(r *rand.Rand, m *machine) {
		if name := m.pickFile(r); name != "" && m.Overlay[name].Target == "" {
			m.Modes[name] = pick(r, []string{"0600", "0644", "0444", "4755", "2755"})
		}
	}},
	{"forget the modes", func(_ *rand.Rand, m *machine) { clear(m.Modes) }},
	{"add a user", func(r *rand.Rand, m *machine) {
		uid := 1001 + r.IntN(3)
		if !slices.ContainsFunc(m.Users, func(a account) bool { return a.UID == uid }) {
			m.Users = append(m.Users, account{fmt.Sprintf("user%d", uid), uid, pick(r, hashes)})
		}
	}},
	{"remove a user", func(_ *rand.Rand, m *machine) {
		if len(m.Users) > 1 {
			m.Users = m.Users[:len(m.Users)-1]
		}
	}},
	{"change a password", func(r *rand.Rand, m *machine) { m.Users[0].Password = pick(r, hashes) }},
	{"add a package", addPiece},
	{"remove a package", func(_ *rand.Rand, m *machine) {
		if len(m.Software) > 0 {
			m.Software = m.Software[:len(m.Software)-1]
		}
	}},
	{"change a source", func(r *rand.Rand, m *machine) { m.eachPiece(r, func(p *piece) { p.Sources["main"] = randomText(r) }) }},
	{"add a source", func(r *rand.Rand, m *machine) {
		m.eachPiece(r, func(p *piece) { p.Sources[fmt.Sprintf("dir/new%d", r.IntN(3))] = randomText(r) })
	}},
	{"change an option", func(r *rand.Rand, m *machine) {
		m.eachPiece(r, func(p *piece) { p.Options = []string{pick(r, []string{"-O", "-O2", "-g"})} })
	}},
	{"change a dependency", func(r *rand.Rand, m *machine) {
		if n := len(m.Software); n > 1 {
			m.Software[n-1].Deps = pick(r, [][]string{nil, {m.Software[0].Name}})
		}
	}},
	{"change host name and issue", func(r *rand.Rand, m *machine) {
		m.Hostname, m.Issue = pick(r, []string{"fixture", "other"}), pick(r, []string{"", "Hello\n"})
	}},
	{"change the file system", func(r *rand.Rand, m *machine) { m.BlockSize = pick(r, []int{1024, 4096}) }},
	{"change the compression", func(r *rand.Rand, m *machine) { m.Level = pick(r, []int{1, 6, 8}) }},
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// randomText is mostly of one size, as only its bytes may matter.
func randomText(r *rand.Rand) string {
	return pick(r, []string{"aaaa\n", "bbbb\n", "cccc\n", "", strings.Repeat("long\n", 1000)})
}

func randomFile(r *rand.Rand) source {
	return source{Text: randomText(r), Executable: r.IntN(4) == 0}
}

func randomPath(r *rand.Rand) string {
	return pick(r, []string{"a", "b", "bin/b", "dir/c", "dir/deep/d", "dir.d", "ü"})
}

// pickFile is one that may go; "" if there is none.
func (m *machine) pickFile(r *rand.Rand) string {
	names := slices.Sorted(maps.Keys(m.Overlay))
	names = slices.DeleteFunc(names, func(n string) bool { return n == "keep" })
	if len(names) == 0 {
		return ""
	}
	return pick(r, names)
}

// addFile adds a file unless another one lies above or below it.
func (m *machine) addFile(name string, f source) {
	for other := range m.Overlay {
		if strings.HasPrefix(other, name+"/") || strings.HasPrefix(name, other+"/") {
			return
		}
	}
	m.removeFile(name)
	m.Overlay[name] = f
}

func (m *machine) removeFile(name string) {
	delete(m.Overlay, name)
	delete(m.Modes, name)
}

func renameFile(r *rand.Rand, m *machine) {
	from, to := m.pickFile(r), randomPath(r)
	if f, ok := m.Overlay[from]; ok {
		m.removeFile(from)
		m.addFile(to, f)
	}
}

func swapFiles(r *rand.Rand, m *machine) {
	a, b := m.pickFile(r), m.pickFile(r)
	if a != b && m.Overlay[a].Target == "" && m.Overlay[b].Target == "" {
		m.Overlay[a], m.Overlay[b] = m.Overlay[b], m.Overlay[a]
	}
}

func toggleExecutable(r *rand.Rand, m *machine) {
	name := m.pickFile(r)
	if f := m.Overlay[name]; name != "" && f.Target == "" {
		f.Executable = !f.Executable
		m.Overlay[name] = f
	}
}

func addPiece(r *rand.Rand, m *machine) {
	p := piece{Name: fmt.Sprintf("p%d", len(m.Software)), Sources: map[string]string{"main": randomText(r)}}
	if len(m.Software) > 0 && r.IntN(2) == 0 {
		p.Deps = []string{pick(r, m.Software).Name}
	}
	m.Software = append(m.Software, p)
}

func (m *machine) eachPiece(r *rand.Rand, change func(*piece)) {
	for i := range m.Software {
		if r.IntN(2) == 0 {
			change(&m.Software[i])
		}
	}
}
