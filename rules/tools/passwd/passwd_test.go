package passwd

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIETOPGu9of1huqk+O5bMqizn9+QXShbmNnOywo+hEHP1 kehne@example"

func password(t testing.TB, s string) Password {
	t.Helper()
	p, err := ParsePassword(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sample is an appliance with one of everything.
func sample(t testing.TB) Accounts {
	return Accounts{
		Users: []User{
			{Name: "kehne", UID: 1000, GID: SameGID, Password: password(t, someHash), Gecos: "J. Kehne", Groups: []string{"wheel", "dialout"}, AuthorizedKeys: []string{someKey}},
			{Name: "memcached", UID: 100, GID: SameGID, Group: "daemons", Home: "/", Shell: "/bin/false"},
			{Name: "guest", UID: 1001, GID: 1000, Group: "kehne", Password: EmptyPassword()},
		},
		Groups: []Group{
			{Name: "wheel", GID: 10, Members: []string{"root", "kehne"}},
			{Name: "dialout", GID: 20},
			{Name: "daemons", GID: 2},
		},
	}
}

func TestTables(t *testing.T) {
	files, err := Tables(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"passwd": `root:x:0:0:root:/root:/bin/sh
memcached:x:100:2::/:/bin/false
kehne:x:1000:1000:J. Kehne:/home/kehne:/bin/sh
guest:x:1001:1000::/home/guest:/bin/sh
`,
		"shadow": `root:*:::::::
memcached:*:::::::
kehne:` + someHash + `:::::::
guest::::::::
`,
		"group": `root:x:0:
daemons:x:2:
wheel:x:10:kehne,root
dialout:x:20:kehne
kehne:x:1000:
`,
		"gshadow": `root:*::
daemons:*::
wheel:*::kehne,root
dialout:*::kehne
kehne:*::
`,
	}
	got := map[string]string{
		"passwd": string(files.Passwd), "shadow": string(files.Shadow),
		"group": string(files.Group), "gshadow": string(files.GShadow),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Layers declare accounts in whatever order; the image stays the same.
func TestTablesDoNotDependOnOrder(t *testing.T) {
	want, err := Tables(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	a := sample(t)
	slices.Reverse(a.Users)
	slices.Reverse(a.Groups)
	for _, u := range a.Users {
		slices.Reverse(u.Groups)
	}
	got, err := Tables(a)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTablesErrors(t *testing.T) {
	tests := []struct {
		change func(*Accounts)
		want   string
	}{
		{func(a *Accounts) { a.Users[1].Name = "kehne" }, `user "kehne": declared twice`},
		{func(a *Accounts) { a.Users[1].UID = 1000 }, `user "memcached": its uid 1000 is that of user "kehne"`},
		{func(a *Accounts) { a.Users[1].UID = 0 }, `uid 0 is that of user`},
		{func(a *Accounts) { a.Groups[1].GID = 10 }, `group "dialout": its gid 10 is that of group "wheel"`},
		{func(a *Accounts) { a.Groups[1].Name = "wheel" }, `group "wheel": declared twice`},
		{func(a *Accounts) { a.Users[1].Name = "-rf" }, "want a name of letters"},
		{func(a *Accounts) { a.Users[1].Name = "" }, "want a name of letters"},
		{func(a *Accounts) { a.Users[1].Name = "a:b" }, "want a name of letters"},
		{func(a *Accounts) { a.Users[1].Name = "a\n" }, "want a name of letters"},
		{func(a *Accounts) { a.Users[1].Name = "1000" }, "looks like an id"},
		{func(a *Accounts) { a.Users[1].Name = ".." }, "looks like an id"},
		{func(a *Accounts) { a.Users[1].Name = strings.Repeat("x", 33) }, "33 characters"},
		{func(a *Accounts) { a.Groups[1].Name = "a b" }, "want a name of letters"},
		{func(a *Accounts) { a.Users[0].UID = MaxID + 1 }, `user "kehne": uid 4294967295: want 0 to 4294967294`},
		{func(a *Accounts) { a.Users[0].UID = -7 }, "uid -7"},
		{func(a *Accounts) { a.Users[0].UID = AutoUser }, "not chosen yet"},
		{func(a *Accounts) { a.Groups[0].GID = AutoSystem }, `group "wheel": gid not chosen yet`},
		{func(a *Accounts) { a.Users[0].Gecos = "a:b" }, `gecos "a:b": contains ":"`},
		{func(a *Accounts) { a.Users[0].Home = "/a\nroot::0:0::/:" }, `contains "\n"`},
		{func(a *Accounts) { a.Users[0].Shell = "sh" }, `shell "sh": want an absolute path`},
		{func(a *Accounts) { a.Users[0].Groups = []string{"weel"} }, `user "kehne": group "weel": not declared`},
		{func(a *Accounts) { a.Groups[0].Members = []string{"nobody"} }, `group "wheel": member "nobody": no such user`},
		{func(a *Accounts) { a.Users[1].GID = 3 }, `its gid is 3, but group "daemons" has gid 2`},
		{func(a *Accounts) { a.Users[1].Name = "root" }, `user "root": got uid 100, want 0`},
		{func(a *Accounts) { a.Users[0].AuthorizedKeys = []string{"ssh-rsa zzz"} }, `user "kehne": authorized key 1`},
	}
	for _, test := range tests {
		a := sample(t)
		test.change(&a)
		_, err := Tables(a)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

// All mistakes are told at once.
func TestTablesTellAllErrors(t *testing.T) {
	a := sample(t)
	a.Users[0].Shell = "sh"
	a.Users[2].Home = "home"
	a.Groups[0].GID = -9
	_, err := Tables(a)
	for _, want := range []string{"shell", "home", "gid -9"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// pwck and grpck are the judges of the files' form.
func TestPwck(t *testing.T) {
	files, err := Tables(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"passwd": files.Passwd, "shadow": files.Shadow, "group": files.Group, "gshadow": files.GShadow} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, argv := range [][]string{{"grpck", "-r", "group", "gshadow"}, {"pwck", "-q", "-r", "passwd", "shadow"}} {
		program, err := exec.LookPath(argv[0])
		if err != nil {
			t.Skipf("no %s on this host", argv[0])
		}
		cmd := exec.Command(program, argv[1], argv[2], argv[3])
		if argv[0] == "pwck" {
			cmd = exec.Command(program, argv[1:]...)
		}
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput() // pwck misses the home directories and programs of the appliance
		for _, bad := range []string{"invalid", "no matching", "duplicate", "no group"} {
			if strings.Contains(string(out), bad) {
				t.Errorf("%s: %s", argv[0], out)
			}
		}
	}
}

// An overlay with an /etc/passwd of its own is read and laid under what is
// declared; what is written can be read again.
func TestParseFilesReadsTables(t *testing.T) {
	files, err := Tables(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	a, err := ParseFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Tables(a)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, again); diff != "" {
		t.Error(diff)
	}
}

func TestParseFilesErrors(t *testing.T) {
	const group = "root:x:0:\n"
	tests := []struct {
		files Files
		want  string
	}{
		{Files{Passwd: []byte("root:x:0:0\n"), Group: []byte(group)}, "/etc/passwd:1: got 4 fields, want 7"},
		{Files{Passwd: []byte("root:x:0:0::/root:/bin/sh\nx:x:7:7::/:/bin/sh"), Group: []byte(group)}, `/etc/passwd:2: user "x": no group has its gid 7`},
		{Files{Passwd: []byte("root:x:00:0::/:/bin/sh\n"), Group: []byte(group)}, `/etc/passwd:1: uid "00"`},
		{Files{Passwd: []byte("root:secret:0:0::/:/bin/sh\n"), Group: []byte(group)}, "clear text"},
		{Files{Group: []byte("root:x:-1:\n")}, `/etc/group:1: gid "-1"`},
		{Files{Shadow: []byte("root\n")}, "/etc/shadow:1: got 1 fields, want 9"},
	}
	for _, test := range tests {
		_, err := ParseFiles(test.files)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

func TestParseFilesPasswords(t *testing.T) {
	tests := []struct{ passwd, shadow, want string }{
		{"x", "*", "*"},
		{"x", "!!", "!"},
		{"x", "", ""},
		{"x", someHash, someHash},
		{"", "unused", ""},
		{"*", "unused", "*"},
		{someHash, "unused", someHash},
	}
	for _, test := range tests {
		a, err := ParseFiles(Files{
			Passwd: []byte("root:" + test.passwd + ":0:0::/:/bin/sh\n"),
			Shadow: []byte("root:" + test.shadow + ":::::::\n"),
			Group:  []byte("root:x:0:\n"),
		})
		if err != nil || a.Users[0].Password.String() != test.want {
			t.Errorf("%+v: got %+v, %v", test, a.Users, err)
		}
	}
}

func TestMerge(t *testing.T) {
	below := Accounts{
		Users:  []User{{Name: "root", Shell: "/bin/ash"}, {Name: "ftp", UID: 5}},
		Groups: []Group{{Name: "wheel", GID: 10, Members: []string{"root"}}},
	}
	above := Accounts{
		Users:  []User{{Name: "root", Shell: "/bin/sh"}},
		Groups: []Group{{Name: "wheel", GID: 11, Members: []string{"ftp"}}},
	}
	want := Accounts{
		Users:  []User{{Name: "ftp", UID: 5}, {Name: "root", Shell: "/bin/sh"}},
		Groups: []Group{{Name: "wheel", GID: 11, Members: []string{"root", "ftp"}}},
	}
	if diff := cmp.Diff(want, below.Merge(above), cmp.AllowUnexported(Password{})); diff != "" {
		t.Error(diff)
	}
}

// The examples of Buildroot's manual come through with its ids.
func TestParseBuildroot(t *testing.T) {
	const table = `# users of the appliance
foo -1 foo -1 * - - - Foo user
bar 1000 bar 1000 ` + someHash + ` /home/bar /bin/sh alpha,bravo Bar user
test 8000 wheel -1 - - /bin/sh - Test user  # remark
baz -2 wheel -1 ! /home/baz /bin/bash -
`
	a, err := ParseBuildroot("users.txt", []byte(table))
	if err != nil {
		t.Fatal(err)
	}
	a, err = a.Allocate(IDs{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := Tables(a)
	if err != nil {
		t.Fatal(err)
	}
	const wantPasswd = `root:x:0:0:root:/root:/bin/sh
foo:x:100:100:Foo user:/:/bin/false
bar:x:1000:1000:Bar user:/home/bar:/bin/sh
baz:x:1001:101::/home/baz:/bin/bash
test:x:8000:101:Test user:/:/bin/sh
`
	if diff := cmp.Diff(wantPasswd, string(files.Passwd)); diff != "" {
		t.Error(diff)
	}
	const wantGroup = `root:x:0:
foo:x:100:
wheel:x:101:
bar:x:1000:
alpha:x:1001:bar
bravo:x:1002:bar
`
	if diff := cmp.Diff(wantGroup, string(files.Group)); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"foo:*:", "bar:$6$", "test::", "baz:!:"} {
		if !strings.Contains(string(files.Shadow), want) {
			t.Errorf("no %q in shadow:\n%s", want, files.Shadow)
		}
	}
}

func TestParseBuildrootErrors(t *testing.T) {
	tests := map[string]string{
		"foo":                              "users.txt:2: got 1 fields",
		"foo -3 foo -1 * - - -":            `uid "-3"`,
		"foo -1 foo 0 * - - -":             `gid "0"`,
		"root -1 root -1 * - - -":          "user root",
		"foo -1 foo -1 =secret - - -":      "`appliance passwd`",
		"foo -1 foo -1 !=secret - - -":     "`appliance passwd`",
		"foo -1 foo -1 secret - - - x y z": "`appliance passwd`",
		"foo -1 foo -1 * / - -":            `home "/"`,
	}
	for line, want := range tests {
		_, err := ParseBuildroot("users.txt", []byte("\n"+line+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error gives the password away: %v", err)
		}
	}
}

// A service that comes later must not shift the ids of those that have files
// on a disk.
func TestAllocateKeepsKnownIDs(t *testing.T) {
	known := IDs{Users: map[string]int64{"ntp": 100, "gone": 101}, Groups: map[string]int64{"ntp": 105}}
	a, err := Accounts{
		Users: []User{
			{Name: "apache", UID: AutoSystem, GID: AutoSystem, Group: "ntp"},
			{Name: "fixed", UID: 102, GID: SameGID},
			{Name: "ntp", UID: AutoSystem, GID: SameGID},
		},
		Groups: []Group{{Name: "ntp", GID: AutoSystem}},
	}.Allocate(known)
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, u := range a.Users {
		got = append(got, u.UID)
	}
	if diff := cmp.Diff([]int64{103, 102, 100}, got); diff != "" {
		t.Error(diff)
	}
	if a.Users[0].GID != 105 || a.Groups[0].GID != 105 {
		t.Errorf("got gid %d and %d, want 105", a.Users[0].GID, a.Groups[0].GID)
	}
}

func TestAllocateRunsOut(t *testing.T) {
	var a Accounts
	for range lastSystemID - firstSystemID + 2 {
		a.Groups = append(a.Groups, Group{Name: "g", GID: AutoSystem})
	}
	_, err := a.Allocate(IDs{})
	if err == nil || !strings.Contains(err.Error(), "no id from 100 to 999 is free") {
		t.Errorf("got %v", err)
	}
}

func TestCheckAuthorizedKey(t *testing.T) {
	good := []string{
		someKey,
		strings.TrimSuffix(someKey, " kehne@example"),
		`command="/bin/echo \"hi there\"",no-pty ` + someKey,
		"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMDLivnlwFR577W3s7uepFd5DtE3daW9vJHVBS3wZ7H0hhvpvVU9RMhHr8NtCdsVQAdmMQGKQLWHbi+pBJlkleM= x",
	}
	for _, line := range good {
		if err := CheckAuthorizedKey(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	bad := []string{
		"", " ", "# comment", "kehne.pub", "ssh-ed25519", "ssh-ed25519 AAAA",
		"ssh-rsa " + strings.Fields(someKey)[1], // another type than inside
		someKey + "\n" + someKey,
		strings.Replace(someKey, "AAAAC3", "AAAA", 1),
		"-----BEGIN OPENSSH PRIVATE KEY-----",
	}
	for _, line := range bad {
		if err := CheckAuthorizedKey(line); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}

func TestParseAuthorizedKeys(t *testing.T) {
	keys, err := ParseAuthorizedKeys("keys", []byte("# mine\n\n"+someKey+"\r\n"+someKey))
	if err != nil {
		t.Fatal(err)
	}
	u := User{AuthorizedKeys: keys}
	if got, want := string(u.AuthorizedKeysFile()), someKey+"\n"+someKey+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = ParseAuthorizedKeys("keys", []byte(someKey+"\nnonsense\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "keys:2: ") {
		t.Errorf("got %v", err)
	}
}

// What is accepted from anywhere is written as the lines that were meant, no
// more: as many lines as accounts, each with its number of fields.
func checkLines(t *testing.T, files Files, a Accounts) {
	t.Helper()
	for _, f := range []struct {
		name   string
		data   []byte
		fields int
	}{{"passwd", files.Passwd, 7}, {"shadow", files.Shadow, 9}, {"group", files.Group, 4}, {"gshadow", files.GShadow, 4}} {
		for _, line := range strings.Split(strings.TrimSuffix(string(f.data), "\n"), "\n") {
			if got := strings.Count(line, ":") + 1; got != f.fields {
				t.Errorf("%s: %q has %d fields, want %d", f.name, line, got, f.fields)
			}
		}
	}
	if got, least := strings.Count(string(files.Passwd), "\n"), len(a.Users); got < least || got > least+1 {
		t.Errorf("got %d users, want %d and root", got, least)
	}
}

func FuzzParseFiles(f *testing.F) {
	files, err := Tables(sample(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(files.Passwd, files.Shadow, files.Group)
	f.Add([]byte("root::0:0:::\n"), []byte(nil), []byte("root:x:0:\n"))
	f.Add([]byte("a:x:1:0:,,:/:/\n"), []byte("a:!:1:2:3:4:5:6:\n"), []byte("root:x:0:a,,b\n"))
	f.Fuzz(func(t *testing.T, passwd, shadow, group []byte) {
		a, err := ParseFiles(Files{Passwd: passwd, Shadow: shadow, Group: group})
		if err != nil {
			return
		}
		files, err := Tables(a)
		if err != nil {
			return
		}
		checkLines(t, files, a)
		again, err := ParseFiles(files)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := Tables(again); err != nil || !cmp.Equal(second, files) {
			t.Errorf("%v: %s", err, cmp.Diff(files, second))
		}
	})
}

func FuzzParseBuildroot(f *testing.F) {
	f.Add([]byte("foo -1 foo -1 * - - - Foo user\nbar -2 wheel 7 ! /home/bar /bin/sh foo,a\n"))
	f.Add([]byte("a 1 b 2 - /h /s - # c"))
	f.Fuzz(func(t *testing.T, table []byte) {
		a, err := ParseBuildroot("table", table)
		if err != nil {
			return
		}
		if a, err = a.Allocate(IDs{}); err != nil {
			return
		}
		if files, err := Tables(a); err == nil {
			checkLines(t, files, a)
		}
	})
}

func FuzzCheckAuthorizedKey(f *testing.F) {
	f.Add(someKey)
	f.Add(`from="a,b" ` + someKey)
	f.Fuzz(func(t *testing.T, line string) {
		if CheckAuthorizedKey(line) == nil && strings.ContainsAny(line, "\n\r") {
			t.Errorf("%q would be several lines", line)
		}
	})
}
