package compose

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/passwd"
)

// owners are the ids of the accounts of this root file system, by name.
type owners struct {
	users, groups map[string]uint32
}

// newOwners knows the accounts in their final tables.
func newOwners(files passwd.Files) (owners, error) {
	o := owners{map[string]uint32{}, map[string]uint32{}}
	if err := readIDs(o.users, files.Passwd); err != nil {
		return o, err
	}
	return o, readIDs(o.groups, files.Group)
}

// readIDs reads the name and the third field of each line of passwd(5) and
// group(5).
func readIDs(ids map[string]uint32, table []byte) error {
	for line := range strings.Lines(string(table)) {
		fields := strings.Split(line, ":")
		id, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			return fmt.Errorf("account %q: id: %w", fields[0], err)
		}
		ids[fields[0]] = uint32(id)
	}
	return nil
}

// parse reads "user:group"; both may be numbers. "user" alone takes the group
// of the same name.
func (o owners) parse(s string) (uid, gid uint32, err error) {
	user, group, ok := strings.Cut(s, ":")
	if !ok {
		group = user
	}
	if uid, err = lookup("user", user, s, o.users); err != nil {
		return 0, 0, err
	}
	gid, err = lookup("group", group, s, o.groups)
	return uid, gid, err
}

func lookup(what, name, owner string, ids map[string]uint32) (uint32, error) {
	if id, ok := ids[name]; ok {
		return id, nil
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil && n <= passwd.MaxID {
		return uint32(n), nil
	}
	return 0, fmt.Errorf("owner %q: no %s %q; there are %s",
		owner, what, name, strings.Join(slices.Sorted(maps.Keys(ids)), ", "))
}

func sortedXattrs(m map[string]string) []manifest.Xattr {
	var xattrs []manifest.Xattr
	for _, name := range slices.Sorted(maps.Keys(m)) {
		xattrs = append(xattrs, manifest.Xattr{Name: name, Value: []byte(m[name])})
	}
	return xattrs
}
