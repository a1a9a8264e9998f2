package passwd

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Files are the contents of the account files in /etc.
type Files struct {
	Passwd, Shadow, Group, GShadow []byte
}

// Tables checks a and writes its files. Lines are sorted by id, so the order in
// a makes no difference. A missing root is added; no password opens it. The
// fields of shadow(5) on the age of passwords stay empty: nothing expires.
//
// The error names everything that is wrong.
func Tables(a Accounts) (Files, error) {
	a = a.complete()
	if err := a.check(); err != nil {
		return Files{}, err
	}
	slices.SortFunc(a.Users, func(x, y User) int { return cmp.Compare(x.UID, y.UID) })
	slices.SortFunc(a.Groups, func(x, y Group) int { return cmp.Compare(x.GID, y.GID) })
	var passwd, shadow, group, gshadow bytes.Buffer
	for _, u := range a.Users {
		fmt.Fprintf(&passwd, "%s:x:%d:%d:%s:%s:%s\n", u.Name, u.UID, u.GID, u.Gecos, u.Home, u.Shell)
		fmt.Fprintf(&shadow, "%s:%s:::::::\n", u.Name, u.Password)
	}
	for _, g := range a.Groups {
		members := strings.Join(a.members(g), ",")
		fmt.Fprintf(&group, "%s:x:%d:%s\n", g.Name, g.GID, members)
		fmt.Fprintf(&gshadow, "%s:*::%s\n", g.Name, members)
	}
	return Files{passwd.Bytes(), shadow.Bytes(), group.Bytes(), gshadow.Bytes()}, nil
}

// members are the users in g, whichever side said so, sorted.
func (a Accounts) members(g Group) []string {
	members := slices.Clone(g.Members)
	for _, u := range a.Users {
		if slices.Contains(u.Groups, g.Name) {
			members = append(members, u.Name)
		}
	}
	slices.Sort(members)
	return slices.Compact(members)
}

// AuthorizedKeysFile is the content of u's ~/.ssh/authorized_keys; nil if it
// has no keys.
func (u User) AuthorizedKeysFile() []byte {
	if len(u.AuthorizedKeys) == 0 {
		return nil
	}
	return []byte(strings.Join(u.AuthorizedKeys, "\n") + "\n")
}
