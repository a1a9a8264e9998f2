package mirror

import (
	"cmp"
	"errors"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// OfHost finds mirrors in the apt configuration of this host: "debian" is
// mapped to the bases of the Debian archive, best first. etcApt is /etc/apt. A host
// without apt has none, which is no error. The formats are those of
// sources.list(5).
//
// Nothing in a source says which archive it is, so it is judged by what is
// written there. It is Debian's when it brings the component main of a suite
// other than a security or debug one, and
//
//   - its URL ends in /debian, as the archive's mirrors do by convention (those of
//     other vendors that do so, too, are found out by a 404, or by the digest), or
//   - it has Debian's own suites and either the archive's key is named for it or it
//     has the suite's -updates as well: mirrors with odd names.
//
// What speaks for a source also decides the order: other vendors' sources come
// last.
func OfHost(etcApt fs.FS) (map[string][]string, error) {
	sources, err := readSources(etcApt)
	if err != nil {
		return nil, err
	}
	bases := debianBases(sources)
	if len(bases) == 0 {
		return map[string][]string{}, nil
	}
	return map[string][]string{"debian": bases}, nil
}

// source is one archive, suite and list of components of an apt configuration.
type source struct {
	base       string // without a final slash
	suite      string
	components []string
	signedBy   string
}

// readSources reads what apt reads, in its order.
func readSources(etcApt fs.FS) ([]source, error) {
	sources, err := readFile(etcApt, "sources.list", parseList)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(etcApt, "sources.list.d")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		parse := parseList
		switch path.Ext(e.Name()) {
		case ".list":
		case ".sources":
			parse = parseStanzas
		default:
			continue // apt ignores it
		}
		more, err := readFile(etcApt, "sources.list.d/"+e.Name(), parse)
		if err != nil {
			return nil, err
		}
		sources = append(sources, more...)
	}
	return sources, nil
}

func readFile(etcApt fs.FS, name string, parse func(string) []source) ([]source, error) {
	b, err := fs.ReadFile(etcApt, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(string(b)), nil
}

var listOptions = regexp.MustCompile(`^\s*\[([^\]]*)\]`)

// parseList reads the one-line format: deb [options] uri suite components.
// Lines that are not of this form are apt's to complain about.
func parseList(text string) []source {
	var all []source
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		kind, rest := cutSpace(line)
		if kind != "deb" && kind != "deb-src" {
			continue
		}
		signedBy := ""
		if m := listOptions.FindStringSubmatch(rest); m != nil {
			rest = rest[len(m[0]):]
			signedBy = option(m[1], "signed-by")
		}
		words := strings.Fields(rest)
		if len(words) < 2 {
			continue
		}
		if base, ok := usable(words[0]); ok {
			all = append(all, source{base, words[1], words[2:], signedBy})
		}
	}
	return all
}

func cutSpace(line string) (first, rest string) {
	line = strings.TrimSpace(line)
	i := strings.IndexAny(line, " \t[")
	if i < 0 {
		return line, ""
	}
	return line[:i], line[i:]
}

func option(options, name string) string {
	for _, o := range strings.Fields(options) {
		if key, value, _ := strings.Cut(o, "="); strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// parseStanzas reads the deb822 format: several values a field, disabled
// stanzas, comments, continued lines.
func parseStanzas(text string) []source {
	var all []source
	for _, s := range stanzas(text) {
		types := strings.Fields(s["types"])
		if !slices.Contains(types, "deb") && !slices.Contains(types, "deb-src") || isNo(s["enabled"]) {
			continue
		}
		for _, uri := range strings.Fields(s["uris"]) {
			base, ok := usable(uri)
			if !ok {
				continue
			}
			for _, suite := range strings.Fields(s["suites"]) {
				all = append(all, source{base, suite, strings.Fields(s["components"]), s["signed-by"]})
			}
		}
	}
	return all
}

// isNo knows the words that apt takes for false (apt.conf(5), StringToBool).
func isNo(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "no", "false", "without", "off", "disable", "0":
		return true
	}
	return false
}

// stanzas are the fields of each paragraph, by name in lower case.
func stanzas(text string) []map[string]string {
	var all []map[string]string
	current, field := map[string]string{}, ""
	for line := range strings.Lines(text + "\n\n") {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			if len(current) > 0 {
				all = append(all, current)
			}
			current, field = map[string]string{}, ""
		case line[0] == ' ' || line[0] == '\t':
			if field != "" {
				current[field] += " " + strings.TrimSpace(line)
			}
		default:
			name, value, _ := strings.Cut(line, ":")
			field = strings.ToLower(strings.TrimSpace(name))
			current[field] = strings.TrimSpace(value)
		}
	}
	return all
}

// usable is a URI that we can fetch from, in one form. mirror+file:, cdrom:,
// tor+http: and their like are not.
func usable(uri string) (base string, ok bool) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", false
	}
	switch u.Scheme {
	case "http", "https":
		ok = u.Host != ""
	case "file":
		ok = path.IsAbs(u.Path)
		uri = "file://" + u.Path
	}
	return strings.TrimRight(uri, "/"), ok
}

// debianSuites are the names of releases, without "-updates" and the like. A
// release that is not here yet costs its mirror with an odd name only.
var debianSuites = map[string]bool{
	"stable": true, "oldstable": true, "oldoldstable": true, "testing": true, "unstable": true, "sid": true,
	"wheezy": true, "jessie": true, "stretch": true, "buster": true, "bullseye": true,
	"bookworm": true, "trixie": true, "forky": true, "duke": true,
}

var snapshot = regexp.MustCompile(`/[0-9]{8}T[0-9]{6}Z$`)

// debianBases are the bases that look like Debian's archive, best first.
func debianBases(sources []source) []string {
	var bases []string
	points := map[string]int{}
	for _, s := range sources {
		if !s.mayBeDebian() {
			continue
		}
		before, now := points[s.base], s.evidence(sources)
		if before == 0 && now > 0 {
			bases = append(bases, s.base)
		}
		points[s.base] = max(before, now)
	}
	slices.SortStableFunc(bases, func(a, b string) int { return cmp.Compare(points[b], points[a]) })
	return bases
}

func (s source) mayBeDebian() bool {
	for _, other := range []string{"-security", "/updates", "-debug", "-dbgsym"} {
		if strings.HasSuffix(s.suite, other) {
			return false
		}
	}
	return slices.Contains(s.components, "main")
}

// evidence counts what speaks for Debian's archive; 0 is not enough.
func (s source) evidence(all []source) int {
	release, _, _ := strings.Cut(s.suite, "-")
	points := 0
	if strings.Contains(s.signedBy, "debian-archive") {
		points += 2
	}
	if slices.ContainsFunc(all, func(t source) bool { return t.base == s.base && t.suite == release+"-updates" }) {
		points++
	}
	named := path.Base(snapshot.ReplaceAllString(s.base, "")) == "debian"
	switch {
	case named:
		return points + 1
	case debianSuites[release]:
		return points
	}
	return 0
}
