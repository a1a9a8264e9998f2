package passwd

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// MaxID is the largest user and group id; 2^32-1 is the "no change" of chown(2).
const MaxID = 1<<32 - 2

// Ids that are to be chosen. AutoSystem and AutoUser are Buildroot's -1 and -2,
// which Accounts.Allocate replaces.
const (
	AutoSystem = -1 // the first free one from 100 to 999
	AutoUser   = -2 // the first free one from 1000 to 1999
)

// SameGID is a User's GID that means: the id of the group called Group, or,
// where that is not declared, the user's own UID.
const SameGID = -3

// User is an account.
type User struct {
	Name           string
	UID            int64    // 0 to MaxID, AutoSystem or AutoUser
	Group          string   // the primary group; "" is one called like the user
	GID            int64    // of Group: 0 to MaxID, SameGID, AutoSystem or AutoUser
	Password       Password // of shadow(5)
	Home           string   // "" is /root for root, else /home/Name
	Shell          string   // "" is /bin/sh
	Gecos          string   // name or remark, for people
	Groups         []string // further groups, all of them declared
	AuthorizedKeys []string // lines of ~/.ssh/authorized_keys
}

// Group is a group of users.
type Group struct {
	Name    string
	GID     int64    // 0 to MaxID, AutoSystem or AutoUser
	Members []string // users; those that name it in Groups are members too
}

// Accounts are all users and groups of an appliance, in any order.
type Accounts struct {
	Users  []User
	Groups []Group
}

// Merge lays above over a: a user of above replaces the one of the same name;
// a group of above gives its id and adds its members.
func (a Accounts) Merge(above Accounts) Accounts {
	users := map[string]User{}
	for _, u := range slices.Concat(a.Users, above.Users) {
		users[u.Name] = u
	}
	groups := map[string]Group{}
	for _, g := range slices.Concat(a.Groups, above.Groups) {
		g.Members = slices.Concat(groups[g.Name].Members, g.Members)
		groups[g.Name] = g
	}
	var merged Accounts
	for _, name := range slices.Sorted(maps.Keys(users)) {
		merged.Users = append(merged.Users, users[name])
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		merged.Groups = append(merged.Groups, groups[name])
	}
	return merged
}

// complete fills in the defaults: root and its group, the primary groups of
// users, homes and shells. Contradictions are left for check to find.
func (a Accounts) complete() Accounts {
	done := Accounts{Users: slices.Clone(a.Users), Groups: slices.Clone(a.Groups)}
	if !slices.ContainsFunc(done.Users, func(u User) bool { return u.Name == "root" }) {
		done.Users = append(done.Users, User{Name: "root", GID: SameGID, Gecos: "root"})
	}
	for i := range done.Users {
		u := &done.Users[i]
		u.setDefaults()
		at := slices.IndexFunc(done.Groups, func(g Group) bool { return g.Name == u.Group })
		if u.GID == SameGID {
			u.GID = u.UID
			if at >= 0 {
				u.GID = done.Groups[at].GID
			}
		}
		if at < 0 {
			done.Groups = append(done.Groups, Group{Name: u.Group, GID: u.GID})
		}
	}
	return done
}

func (u *User) setDefaults() {
	if u.Group == "" {
		u.Group = u.Name
	}
	if u.Home == "" && u.Name == "root" {
		u.Home = "/root"
	}
	if u.Home == "" {
		u.Home = "/home/" + u.Name
	}
	if u.Shell == "" {
		u.Shell = "/bin/sh"
	}
}

// check gives all that is wrong with accounts that are complete.
func (a Accounts) check() error {
	var errs []error
	users := map[string]bool{}
	groups := map[string]int64{}
	owners := map[int64]string{}
	for _, g := range a.Groups {
		errs = append(errs, g.check())
		if _, twice := groups[g.Name]; twice {
			errs = append(errs, fmt.Errorf("group %q: declared twice", g.Name))
			continue
		}
		if other, taken := owners[g.GID]; taken {
			errs = append(errs, fmt.Errorf("group %q: its gid %d is that of group %q", g.Name, g.GID, other))
		}
		groups[g.Name], owners[g.GID] = g.GID, g.Name
	}
	owners = map[int64]string{}
	for _, u := range a.Users {
		errs = append(errs, u.check(groups))
		if users[u.Name] {
			errs = append(errs, fmt.Errorf("user %q: declared twice", u.Name))
			continue
		}
		if other, taken := owners[u.UID]; taken {
			errs = append(errs, fmt.Errorf("user %q: its uid %d is that of user %q", u.Name, u.UID, other))
		}
		users[u.Name], owners[u.UID] = true, u.Name
	}
	for _, g := range a.Groups {
		for _, member := range g.Members {
			if !users[member] {
				errs = append(errs, fmt.Errorf("group %q: member %q: no such user", g.Name, member))
			}
		}
	}
	return errors.Join(errs...)
}

func (g Group) check() error {
	if err := checkName(g.Name); err != nil {
		return fmt.Errorf("group %w", err)
	}
	if err := checkID(g.GID); err != nil {
		return fmt.Errorf("group %q: gid %w", g.Name, err)
	}
	return nil
}

// check gives all that is wrong with u itself. groups are the declared ones.
func (u User) check(groups map[string]int64) error {
	if err := checkName(u.Name); err != nil {
		return fmt.Errorf("user %w", err)
	}
	var errs []error
	report := func(err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("user %q: %w", u.Name, err))
		}
	}
	if err := checkID(u.UID); err != nil {
		report(fmt.Errorf("uid %w", err))
	}
	if u.Name == "root" && u.UID != 0 {
		report(fmt.Errorf("got uid %d, want 0", u.UID))
	}
	if gid := groups[u.Group]; gid != u.GID {
		report(fmt.Errorf("its gid is %d, but group %q has gid %d", u.GID, u.Group, gid))
	}
	for _, name := range u.Groups {
		if _, ok := groups[name]; !ok {
			report(fmt.Errorf("group %q: not declared", name))
		}
	}
	report(checkField("gecos", u.Gecos))
	report(checkPath("home", u.Home))
	report(checkPath("shell", u.Shell))
	for i, line := range u.AuthorizedKeys {
		if err := CheckAuthorizedKey(line); err != nil {
			report(fmt.Errorf("authorized key %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

// portableName is POSIX.1-2017, section 3.437 "User Name".
var portableName = regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._-]*$`)

// maxName is what fits in a utmp record, utmp(5).
const maxName = 32

func checkName(name string) error {
	if !portableName.MatchString(name) {
		return fmt.Errorf("%q: want a name of letters, digits, '.', '_' and '-' that does not begin with '-'", name)
	}
	if len(name) > maxName {
		return fmt.Errorf("%q: the name has %d characters, want at most %d", name, len(name), maxName)
	}
	if strings.Trim(name, "0123456789.") == "" {
		return fmt.Errorf("%q: a name of nothing but digits looks like an id", name)
	}
	return nil
}

func checkID(id int64) error {
	if id == AutoSystem || id == AutoUser {
		return errors.New("not chosen yet")
	}
	if id < 0 || id > MaxID {
		return fmt.Errorf("%d: want 0 to %d", id, int64(MaxID))
	}
	return nil
}

// checkField refuses what would make other fields or lines.
func checkField(what, s string) error {
	if i := strings.IndexFunc(s, func(r rune) bool { return r == ':' || r < ' ' || r == 0x7f }); i >= 0 {
		return fmt.Errorf("%s %q: contains %q", what, s, s[i:i+1])
	}
	return nil
}

func checkPath(what, s string) error {
	if !path.IsAbs(s) {
		return fmt.Errorf("%s %q: want an absolute path", what, s)
	}
	return checkField(what, s)
}
