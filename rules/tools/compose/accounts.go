package compose

import (
	"path"
	"strings"

	"github.com/kittyhawk/appliance/engine/digest"
	"github.com/kittyhawk/appliance/engine/tree"
	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/passwd"
)

// accounts makes the declared users and groups passwd's. keys are the contents
// of the input "keys".
func (a arguments) accounts(keys [][]byte) (passwd.Accounts, error) {
	var accounts passwd.Accounts
	for _, u := range a.Users {
		account, err := u.account(keys)
		if err != nil {
			return accounts, err
		}
		accounts.Users = append(accounts.Users, account)
	}
	for _, g := range a.Groups {
		accounts.Groups = append(accounts.Groups, passwd.Group{Name: g.Name, GID: g.GID, Members: g.Members})
	}
	return accounts, nil
}

func (u user) account(keys [][]byte) (passwd.User, error) {
	p, err := u.password()
	if err != nil {
		return passwd.User{}, &accountError{u, err}
	}
	return passwd.User{
		Name:           u.Name,
		UID:            u.UID,
		Group:          u.Group,
		GID:            passwd.SameGID,
		Password:       p,
		Home:           u.Home,
		Shell:          u.Shell,
		Gecos:          u.Gecos,
		Groups:         u.Groups,
		AuthorizedKeys: u.authorizedKeys(keys),
	}, nil
}

// accountError is what is wrong with a user's declaration.
type accountError struct {
	user user
	err  error
}

func (e *accountError) Error() string { return `user "` + e.user.Name + `": ` + e.err.Error() }
func (e *accountError) Unwrap() error { return e.err }

func (u user) password() (passwd.Password, error) {
	if u.EmptyPassword {
		return passwd.EmptyPassword(), nil
	}
	if u.Password == "" {
		return passwd.ParsePassword("*")
	}
	return passwd.ParsePassword(u.Password)
}

// authorizedKeys are the lines of the user's key files, without empty ones and
// comments.
func (u user) authorizedKeys(keys [][]byte) []string {
	var lines []string
	for _, i := range u.Keys {
		for line := range strings.Lines(string(keys[i])) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// file is content that compose itself writes.
type file struct {
	entry   manifest.Entry
	content []byte
}

func newFile(p string, mode uint32, uid, gid uint32, origin string, content []byte) file {
	return file{manifest.Entry{
		Path: p, Type: manifest.File, Mode: mode, UID: uid, GID: gid, Digest: digest.Of(content), Origin: origin,
	}, content}
}

// tables are the account files.
func tables(files passwd.Files, origin string) []file {
	return []file{
		newFile("etc/group", 0o644, 0, 0, origin, files.Group),
		newFile("etc/gshadow", 0o600, 0, 0, origin, files.GShadow),
		newFile("etc/passwd", 0o644, 0, 0, origin, files.Passwd),
		newFile("etc/shadow", 0o600, 0, 0, origin, files.Shadow),
	}
}

// generate puts a file that compose wrote.
func (r *root) generate(f file) {
	r.put(&inode{entry: f.entry, node: tree.NewFile(f.entry.Digest, false), declared: true, generated: true}, false)
}

// house makes the home directory of u and the keys in it, and gives u what
// layers have put there without naming an owner.
func (r *root) house(u user, account passwd.User, names owners) ([]file, error) {
	home := strings.TrimPrefix(u.home(), "/")
	uid, gid, err := names.parse(u.Name + ":" + u.group())
	if err != nil {
		return nil, err
	}
	mode, err := parseMode(u.HomeMode, 0o700)
	if err != nil {
		return nil, err
	}
	if u.CreateHome || len(account.AuthorizedKeys) > 0 {
		r.put(directory(home, mode, uid, gid, u.Origin), false)
		r.inherit(home, uid, gid)
	}
	lines := account.AuthorizedKeysFile()
	if lines == nil {
		return nil, nil
	}
	ssh := path.Join(home, ".ssh")
	r.put(directory(ssh, 0o700, uid, gid, u.Origin), false)
	keys := newFile(path.Join(ssh, "authorized_keys"), 0o600, uid, gid, u.Origin, lines)
	r.generate(keys)
	return []file{keys}, nil
}

func (u user) home() string {
	switch {
	case u.Home != "":
		return u.Home
	case u.Name == "root":
		return "/root"
	}
	return "/home/" + u.Name
}

func (u user) group() string {
	if u.Group != "" {
		return u.Group
	}
	return u.Name
}

func directory(p string, mode, uid, gid uint32, origin string) *inode {
	return &inode{declared: true, entry: manifest.Entry{
		Path: p, Type: manifest.Directory, Mode: mode, UID: uid, GID: gid, Origin: origin,
	}}
}

// inherit gives undeclared inodes below dir an owner.
func (r *root) inherit(dir string, uid, gid uint32) {
	for p, in := range r.inodes {
		if strings.HasPrefix(p, dir+"/") && !in.declared {
			in.entry.UID, in.entry.GID = uid, gid
		}
	}
}
