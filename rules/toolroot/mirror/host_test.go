package mirror_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/kittyhawk/appliance/rules/toolroot/mirror"
)

// The tables below are what installers, cloud images, containers and people leave
// in /etc/apt, with other host names.
func TestOfHost(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string // of "debian"
	}{
		{"no apt", nil, nil},
		{"installer", map[string]string{"sources.list": `
#deb cdrom:[Debian GNU/Linux 12.5.0 _Bookworm_ - Official amd64 NETINST]/ bookworm contrib main

deb http://mirror.example.org/debian/ bookworm main non-free-firmware
deb-src http://mirror.example.org/debian/ bookworm main non-free-firmware

deb http://security.example.org/debian-security bookworm-security main non-free-firmware

# bookworm-updates, to get updates before a point release is made;
deb http://mirror.example.org/debian/ bookworm-updates main non-free-firmware
`}, []string{"http://mirror.example.org/debian"}},
		{"container", map[string]string{"sources.list.d/debian.sources": `Types: deb
# http://snapshot.example.org/archive/debian/20250520T000000Z
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
# http://snapshot.example.org/archive/debian-security/20250520T000000Z
URIs: http://mirror.example.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`}, []string{"http://mirror.example.org/debian"}},
		{"cloud image", map[string]string{
			"sources.list": "# See /etc/apt/sources.list.d/debian.sources\n",
			"sources.list.d/debian.sources": `Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: trixie trixie-updates trixie-backports
Components: main

Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian-security.list
Suites: trixie-security
Components: main
`}, nil},
		{"several URIs and spellings", map[string]string{"sources.list.d/x.sources": "TYPES: deb\r\nuris:\r\n https://a.example.org/debian/\r\n\thttp://b.example.org/pub/debian\r\n# a comment\r\n file:/srv/debian\r\nSuites: sid\r\nComponents: contrib\r\n main\r\n"},
			[]string{"https://a.example.org/debian", "http://b.example.org/pub/debian", "file:///srv/debian"}},
		{"disabled", map[string]string{"sources.list.d/x.sources": `Enabled: no
Types: deb
URIs: http://off.example.org/debian
Suites: sid
Components: main

Enabled: yes
Types: deb
URIs: http://on.example.org/debian
Suites: sid
Components: main
`}, []string{"http://on.example.org/debian"}},
		{"options", map[string]string{"sources.list": `deb [ arch=amd64,arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] https://mirror.example.org/debian stable main # comment
deb [arch=amd64] copy:/media/debian stable main
deb	tor+http://onion.example.org/debian	stable	main`},
			[]string{"https://mirror.example.org/debian"}},
		{"other vendors", map[string]string{
			"sources.list":                   "deb http://deb.example.org/debian bookworm main contrib\ndeb http://deb.example.org/debian bookworm-updates main contrib\n",
			"sources.list.d/a-player.list":   "deb [signed-by=/etc/apt/keyrings/player.gpg] https://player.example.org/debian bookworm main\n",
			"sources.list.d/browser.list":    "deb [arch=amd64] https://browser.example.org/linux/browser/deb/ stable main\n",
			"sources.list.d/compiler.list":   "deb http://compiler.example.org/bookworm/ compiler-bookworm main\n",
			"sources.list.d/containers.list": "deb [arch=amd64 signed-by=/etc/apt/keyrings/c.asc] https://c.example.org/linux/debian bookworm stable\n",
			"sources.list.d/database.list":   "deb https://db.example.org/pub/repos/apt bookworm-pgdg main\n",
			"sources.list.d/flat.list":       "deb https://flat.example.org/debian ./\n",
			"sources.list.d/prod.list":       "deb [arch=amd64] https://packages.example.org/debian/12/prod bookworm main\n",
			"sources.list.d/runtime.sources": "Types: deb\nURIs: https://runtime.example.org/node_20.x\nSuites: nodistro\nComponents: main\n",
			"sources.list.d/old.list.save":   "deb http://saved.example.org/debian bookworm main\n",
		}, []string{"http://deb.example.org/debian", "https://player.example.org/debian"}},
		{"a vendor before Debian", map[string]string{
			"sources.list": "deb https://player.example.org/debian bookworm main\ndeb http://deb.example.org/debian bookworm main\ndeb http://deb.example.org/debian bookworm-updates main\n",
		}, []string{"http://deb.example.org/debian", "https://player.example.org/debian"}},
		{"odd names", map[string]string{"sources.list": `deb http://proxy.example.org:3142/deb-mirror bookworm main
deb http://proxy.example.org:3142/deb-mirror bookworm-updates main
deb http://lonely.example.org/packages bookworm main
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://artifacts.example.org/apt-remote trixie main`},
			[]string{"http://artifacts.example.org/apt-remote", "http://proxy.example.org:3142/deb-mirror"}},
		{"snapshot", map[string]string{"sources.list": "deb [check-valid-until=no] http://snapshot.example.org/archive/debian/20240311T000000Z/ bookworm main\n"},
			[]string{"http://snapshot.example.org/archive/debian/20240311T000000Z"}},
		{"old security suite", map[string]string{"sources.list": "deb http://s.example.org/debian stretch/updates main\n"}, nil},
		{"derivatives", map[string]string{"sources.list": `deb http://ubuntu.example.org/ubuntu/ noble main restricted
deb http://ubuntu.example.org/ubuntu/ noble-updates main restricted
deb http://kali.example.org/kali kali-rolling main contrib
deb http://pi.example.org/raspbian bookworm main contrib
`}, nil},
		{"nonsense", map[string]string{
			"sources.list":               "deb\ndeb [\ndeb []\ndeb [a=b] \ndeb http://x.example.org/debian\ndeb % main main\nrpm http://x.example.org/debian sid main\ndeb http:///debian sid main\ndeb file:debian sid main\n",
			"sources.list.d/bad.sources": " continued nothing\n:\nURIs\n\n\nTypes: deb\n\nTypes: deb\nURIs: %zz\nSuites: sid\nComponents: main\n",
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			etc := fstest.MapFS{}
			for name, text := range c.files {
				etc[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got, err := mirror.OfHost(etc)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string][]string{}
			if c.want != nil {
				want["debian"] = c.want
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("mirrors (-want +got):\n%s", d)
			}
		})
	}
}

// Whatever is in these files, the host's configuration must not break a build.
func FuzzOfHost(f *testing.F) {
	f.Add("deb [a=b] http://m.example.org/debian sid main # x", "Types: deb\nURIs: http://m.example.org/debian\nSuites: sid\nComponents: main\n")
	f.Fuzz(func(t *testing.T, list, stanzas string) {
		etc := fstest.MapFS{
			"sources.list":             &fstest.MapFile{Data: []byte(list)},
			"sources.list.d/x.sources": &fstest.MapFile{Data: []byte(stanzas)},
		}
		got, err := mirror.OfHost(etc)
		if err != nil {
			t.Fatal(err)
		}
		for _, base := range got["debian"] {
			if base == "" || base[len(base)-1] == '/' {
				t.Errorf("base %q", base)
			}
		}
	})
}
