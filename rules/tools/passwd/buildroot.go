package passwd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseBuildroot reads a table of users as Buildroot's manual, "Makeuser syntax
// documentation", and its support/scripts/mkusers have it; name is for errors.
// A line has nine fields parted by blanks, the last may contain blanks:
//
//	username uid group gid password home shell groups comment
//
// Ids of -1 and -2 stay AutoSystem and AutoUser; Allocate chooses them. Clear
// passwords ("=secret") are refused: their hash would be another one in each
// build. Further groups that no line has as primary group are added with an id
// to be chosen, as mkusers does.
func ParseBuildroot(name string, data []byte) (Accounts, error) {
	var a Accounts
	var errs []error
	for i, text := range strings.Split(string(data), "\n") {
		text, _, _ = strings.Cut(text, "#")
		if strings.TrimSpace(text) == "" {
			continue
		}
		u, err := parseBuildrootUser(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, i+1, err))
			continue
		}
		a.Users = append(a.Users, u)
	}
	if err := errors.Join(errs...); err != nil {
		return Accounts{}, err
	}
	a.Groups = buildrootGroups(a.Users)
	return a, nil
}

func parseBuildrootUser(text string) (User, error) {
	f, err := buildrootFields(text)
	if err != nil {
		return User{}, err
	}
	uid, err := parseBuildrootID("uid", f[1])
	if err != nil {
		return User{}, err
	}
	gid, err := parseBuildrootID("gid", f[3])
	if err != nil {
		return User{}, err
	}
	if f[0] == "root" {
		return User{}, errors.New("user root: Buildroot's tables cannot have it")
	}
	password, err := parseBuildrootPassword(f[4])
	if err != nil {
		return User{}, err
	}
	u := User{Name: f[0], UID: uid, Group: f[2], GID: gid, Password: password, Home: f[5], Shell: f[6], Gecos: f[8]}
	if u.Home == "/" {
		return User{}, errors.New(`home "/": want another one, or "-" for none`)
	}
	if u.Home == "-" {
		u.Home = "/"
	}
	if u.Shell == "-" {
		u.Shell = "/bin/false"
	}
	if f[7] != "-" {
		u.Groups = list(f[7])
	}
	return u, nil
}

// buildrootFields cuts a line as the shell's read does: eight words, then the
// rest. The comment may be missing.
func buildrootFields(text string) ([9]string, error) {
	var f [9]string
	rest := strings.TrimSpace(text)
	for i := range 8 {
		if rest == "" {
			return f, fmt.Errorf("got %d fields, want username, uid, group, gid, password, home, shell, groups, comment", i)
		}
		end := strings.IndexAny(rest, " \t\r")
		if end < 0 {
			end = len(rest)
		}
		f[i], rest = rest[:end], strings.TrimSpace(rest[end:])
	}
	if rest != "-" {
		f[8] = rest
	}
	return f, nil
}

func parseBuildrootID(what, s string) (int64, error) {
	if s == strconv.Itoa(AutoSystem) || s == strconv.Itoa(AutoUser) {
		return strconv.ParseInt(s, 10, 64)
	}
	id, err := parseID(s)
	if err != nil || id == 0 {
		return 0, fmt.Errorf("%s %q: want 1 to %d, or -1 (system) or -2 (user) to have it chosen", what, s, int64(MaxID))
	}
	return id, nil
}

func parseBuildrootPassword(s string) (Password, error) {
	if s == "-" {
		return EmptyPassword(), nil
	}
	if strings.HasPrefix(s, "=") || strings.HasPrefix(s, "!=") {
		return Password{}, errors.New("password: got clear text (after \"=\"), want a hash; `appliance passwd` makes one")
	}
	return ParsePassword(s)
}

// buildrootGroups are the primary groups, those with a fixed id first, and then
// the others that users are in.
func buildrootGroups(users []User) []Group {
	var groups []Group
	add := func(name string, gid int64) {
		if !slices.ContainsFunc(groups, func(g Group) bool { return g.Name == name }) {
			groups = append(groups, Group{Name: name, GID: gid})
		}
	}
	for _, u := range users {
		if u.GID >= 0 {
			add(u.Group, u.GID)
		}
	}
	for _, u := range users {
		add(u.Group, u.GID)
	}
	for _, u := range users {
		for _, name := range u.Groups {
			add(name, kindOfID(u.UID))
		}
	}
	return groups
}

// kindOfID is how the id of a group is chosen for a user with that uid.
func kindOfID(uid int64) int64 {
	if uid < 0 {
		return uid
	}
	if uid <= lastSystemID {
		return AutoSystem
	}
	return AutoUser
}
