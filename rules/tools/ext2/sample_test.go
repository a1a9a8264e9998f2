package ext2

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/kittyhawk/appliance/rules/tools/manifest"
	"github.com/kittyhawk/appliance/rules/tools/manifest/manifesttest"
)

// sample is a file system with everything that ext2 has a form of its own for.
func sample(o Options, c manifesttest.Contents) []manifest.Entry {
	su := manifesttest.File("bin/su", c.Add([]byte("#!/bin/sh\n")))
	su.Mode, su.Origin = 0o4755, "//busybox"
	big := manifesttest.File("big", c.Add(pattern(300*o.BlockSize+17)))
	big.UID, big.GID, big.Mode = 70001, 4294967294, 0o2640
	tmp := manifesttest.Dir("tmp")
	tmp.Mode = 0o1777
	entries := []manifest.Entry{
		manifesttest.Dir(""), manifesttest.Dir("bin"), manifesttest.Dir("dev"), manifesttest.Dir("many"), manifesttest.Dir("a"), manifesttest.Dir("a/b"), manifesttest.Dir("a/b/c"), tmp, su, big,
		manifesttest.File("bin/empty", c.Add(nil)),
		manifesttest.File("bin/one-block", c.Add(pattern(o.BlockSize))),
		manifesttest.File("bin/one-block-and-a-byte", c.Add(pattern(o.BlockSize+1))),
		manifesttest.File("bin/direct", c.Add(pattern(12*o.BlockSize))),
		manifesttest.File("bin/indirect", c.Add(pattern(13*o.BlockSize))),
		{Path: "bin/sudo", Type: manifest.Link, Target: "bin/su"},
		{Path: "a/b/c/su", Type: manifest.Link, Target: "bin/su"},
		manifesttest.Symlink("fast", strings.Repeat("f", 59)),
		manifesttest.Symlink("slow", strings.Repeat("s", 60)),
		manifesttest.Symlink("longest", strings.Repeat("/l", o.BlockSize/2)[1:]),
		{Path: "dev/console", Type: manifest.Char, Mode: 0o600, Major: 5, Minor: 1},
		{Path: "dev/big", Type: manifest.Block, Mode: 0o660, Major: 4095, Minor: 1048575, GID: 6},
		{Path: "dev/wide", Type: manifest.Char, Mode: 0o660, Major: 10, Minor: 256},
		{Path: "dev/initctl", Type: manifest.FIFO, Mode: 0o600},
		{Path: "dev/log", Type: manifest.Socket, Mode: 0o666},
		manifesttest.File("name with a space, \"quotes\" and é", c.Add([]byte("x"))),
	}
	for i := range 300 {
		entries = append(entries, manifesttest.File(fmt.Sprintf("many/%03d%s", i, strings.Repeat("n", i*252/299)), c.Add([]byte{byte(i)})))
	}
	if o.Level != Rev0 {
		addXattrs(entries)
	}
	return entries
}

func addXattrs(entries []manifest.Entry) {
	capability := manifest.Xattr{Name: "security.capability", Value: []byte("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")}
	sets := map[string][]manifest.Xattr{
		"bin/su":       {capability},
		"bin/empty":    {capability},
		"bin/indirect": {{Name: "user.empty", Value: []byte{}}, {Name: "user.b", Value: []byte("12345")}, {Name: "trusted.x", Value: pattern(300)}},
		"a":            {{Name: "system.posix_acl_access", Value: sampleACL()}, {Name: "system.posix_acl_default", Value: sampleACL()}},
		"fast":         {{Name: "security.selinux", Value: []byte("system_u:object_r:bin_t:s0\x00")}},
		"slow":         {{Name: "security.selinux", Value: []byte("system_u:object_r:bin_t:s0\x00")}},
		"dev/console":  {{Name: "security.selinux", Value: []byte("system_u:object_r:bin_t:s0\x00")}},
	}
	for i := range entries {
		entries[i].Xattrs = sets[entries[i].Path]
	}
}

// sampleACL is user::rwx user:1000:r-x group::r-x mask::r-x other::r-x.
func sampleACL() []byte {
	le := binary.LittleEndian
	acl := le.AppendUint32(nil, 2)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 7, 1<<32 - 1}, {2, 5, 1000}, {4, 5, 1<<32 - 1}, {16, 5, 1<<32 - 1}, {32, 5, 1<<32 - 1}} {
		acl = le.AppendUint16(acl, e.tag)
		acl = le.AppendUint16(acl, e.perm)
		acl = le.AppendUint32(acl, e.id)
	}
	return acl
}
