package passwd

import (
	"fmt"
	"slices"
)

// The ranges of adduser.conf(5), which Buildroot uses too.
const (
	firstSystemID, lastSystemID = 100, 999
	firstUserID, lastUserID     = 1000, 1999
)

// IDs are ids that were chosen before, by name. They are kept in a file under
// version control, so that they never move when accounts come and go: files on
// an appliance's disk belong to ids, not to names.
type IDs struct {
	Users, Groups map[string]int64
}

// Allocate replaces every AutoSystem and AutoUser by the id in known, or else
// by the lowest in its range that neither an account nor known has.
func (a Accounts) Allocate(known IDs) (Accounts, error) {
	done := Accounts{Users: slices.Clone(a.Users), Groups: slices.Clone(a.Groups)}
	gids := newAllocator("group", known.Groups)
	for _, g := range done.Groups {
		gids.take(g.GID)
	}
	chosen := map[string]int64{}
	for i, g := range done.Groups {
		gid, err := gids.choose(g.Name, g.GID)
		if err != nil {
			return Accounts{}, err
		}
		done.Groups[i].GID, chosen[g.Name] = gid, gid
	}
	uids := newAllocator("user", known.Users)
	for _, u := range done.Users {
		uids.take(u.UID)
	}
	for i, u := range done.Users {
		uid, err := uids.choose(u.Name, u.UID)
		if err != nil {
			return Accounts{}, err
		}
		done.Users[i].UID = uid
		if u.GID != AutoSystem && u.GID != AutoUser {
			continue
		}
		gid, ok := chosen[u.Group]
		if !ok {
			return Accounts{}, fmt.Errorf("user %q: group %q: not declared", u.Name, u.Group)
		}
		done.Users[i].GID = gid
	}
	return done, nil
}

// allocator chooses ids of one kind of account.
type allocator struct {
	what  string
	known map[string]int64
	taken map[int64]bool
}

func newAllocator(what string, known map[string]int64) *allocator {
	a := &allocator{what: what, known: known, taken: map[int64]bool{}}
	for _, id := range known {
		a.taken[id] = true
	}
	return a
}

func (a *allocator) take(id int64) { a.taken[id] = true }

func (a *allocator) choose(name string, id int64) (int64, error) {
	first, last := int64(firstSystemID), int64(lastSystemID)
	switch id {
	case AutoSystem:
	case AutoUser:
		first, last = firstUserID, lastUserID
	default:
		return id, nil
	}
	if known, ok := a.known[name]; ok {
		return known, nil
	}
	for id := first; id <= last; id++ {
		if !a.taken[id] {
			a.taken[id] = true
			return id, nil
		}
	}
	return 0, fmt.Errorf("%s %q: no id from %d to %d is free", a.what, name, first, last)
}
