package passwd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseFiles reads existing account files, such as those of an overlay. Shadow
// may be missing, and GShadow is not looked at: groups have no passwords here.
// The age of passwords is not kept.
//
// Accounts are returned as the files have them; Tables finds what is wrong with
// them. The error tells lines that do not have the form of their file, and
// primary groups that are missing.
func ParseFiles(f Files) (Accounts, error) {
	var a Accounts
	var errs []error
	for _, line := range lines("group", f.Group, 4) {
		g, err := parseGroup(line)
		errs = append(errs, err)
		a.Groups = append(a.Groups, g)
	}
	hashes := map[string]string{}
	for _, line := range lines("shadow", f.Shadow, 9) {
		errs = append(errs, line.err)
		if line.err == nil {
			hashes[line.fields[0]] = line.fields[1]
		}
	}
	for _, line := range lines("passwd", f.Passwd, 7) {
		u, err := parseUser(line, hashes, a.Groups)
		errs = append(errs, err)
		a.Users = append(a.Users, u)
	}
	if err := errors.Join(errs...); err != nil {
		return Accounts{}, err
	}
	return a, nil
}

// line is one line of a file, cut at its colons.
type line struct {
	at     string // file and number
	fields []string
	err    error // the number of fields is wrong
}

func (l line) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", l.at, fmt.Errorf(format, args...))
}

// lines cuts a file; empty lines are skipped.
func lines(file string, data []byte, fields int) []line {
	var all []line
	for i, text := range strings.Split(string(data), "\n") {
		if text == "" {
			continue
		}
		l := line{at: fmt.Sprintf("/etc/%s:%d", file, i+1), fields: strings.Split(text, ":")}
		if len(l.fields) != fields {
			l.err = l.errorf("got %d fields, want %d", len(l.fields), fields)
		}
		all = append(all, l)
	}
	return all
}

func parseGroup(l line) (Group, error) {
	if l.err != nil {
		return Group{}, l.err
	}
	gid, err := parseID(l.fields[2])
	if err != nil {
		return Group{}, l.errorf("gid %w", err)
	}
	return Group{Name: l.fields[0], GID: gid, Members: list(l.fields[3])}, nil
}

func parseUser(l line, hashes map[string]string, groups []Group) (User, error) {
	if l.err != nil {
		return User{}, l.err
	}
	f := l.fields
	uid, err := parseID(f[2])
	if err != nil {
		return User{}, l.errorf("uid %w", err)
	}
	gid, err := parseID(f[3])
	if err != nil {
		return User{}, l.errorf("gid %w", err)
	}
	at := slices.IndexFunc(groups, func(g Group) bool { return g.GID == gid })
	if at < 0 {
		return User{}, l.errorf("user %q: no group has its gid %d", f[0], gid)
	}
	password, err := existingPassword(f[1], f[0], hashes)
	if err != nil {
		return User{}, l.errorf("user %q: %w", f[0], err)
	}
	return User{
		Name: f[0], UID: uid, GID: gid, Group: groups[at].Name,
		Password: password, Gecos: f[4], Home: f[5], Shell: f[6],
	}, nil
}

// existingPassword finds a user's password where passwd(5) says it is: in
// shadow if the field is "x". Here, an empty field is a declaration.
func existingPassword(field, user string, hashes map[string]string) (Password, error) {
	if field == "x" {
		shadow, ok := hashes[user]
		if !ok {
			return Password{}, nil
		}
		field = shadow
	}
	if field == "" {
		return EmptyPassword(), nil
	}
	if strings.Trim(field, "!*") == "" {
		field = field[:1] // "!!" and "!*" are ways to write "!"
	}
	return ParsePassword(field)
}

// parseID reads a decimal id without sign, blanks or leading zeros.
func parseID(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != s || id < 0 || id > MaxID {
		return 0, fmt.Errorf("%q: want a number from 0 to %d", s, int64(MaxID))
	}
	return id, nil
}

// list cuts at commas; nothing is no list.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
