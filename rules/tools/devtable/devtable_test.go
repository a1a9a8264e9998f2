package devtable

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func show(entries []Entry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%d %s %c %o %s:%s %d:%d %x\n", e.Line, e.Path, e.Type, e.Mode, e.User, e.Group, e.Major, e.Minor, e.Capability)
	}
	return b.String()
}

// The ranges are those that makedevs shows in its own help.
func TestParse(t *testing.T) {
	const table = `# name type mode uid gid major minor start inc count
/dev            d 755  0    0    - - - - -
/dev/console    c 666  0    tty  5 1 - - -
/dev/hda        b 640  root disk 3 1 1 1 3
/dev/uio        b 640  0    0    252 1 6 2 2
/dev/ttyS       c 666  0    0    4 64 0 1 1

/dev/initctl    p 600  0    0
/bin/ping       f 4755 0    0    - - - - -
|xattr cap_net_raw+ep
	|xattr cap_net_admin+ep
/etc/optional   F -1   1000 1000
/home/kehne/    r -1   kehne kehne - - - - -
/var/empty      d
`
	entries, err := Parse("table", []byte(table))
	if err != nil {
		t.Fatal(err)
	}
	const want = `2 /dev d 755 0:0 0:0 
3 /dev/console c 666 0:tty 5:1 
4 /dev/hda1 b 640 root:disk 3:1 
4 /dev/hda2 b 640 root:disk 3:2 
4 /dev/hda3 b 640 root:disk 3:3 
5 /dev/uio6 b 640 0:0 252:1 
5 /dev/uio7 b 640 0:0 252:3 
6 /dev/ttyS c 666 0:0 4:64 
8 /dev/initctl p 600 0:0 0:0 
9 /bin/ping f 4755 0:0 0:0 0100000200300000000000000000000000000000
12 /etc/optional F -1 1000:1000 0:0 
13 /home/kehne r -1 kehne:kehne 0:0 
14 /var/empty d 755 0:0 0:0 
`
	if diff := cmp.Diff(want, show(entries)); diff != "" {
		t.Error(diff)
	}
}

func TestParseErrors(t *testing.T) {
	tests := map[string]string{
		"/dev":                                           "got 1 fields",
		"/dev d 755 0 0 - - - - - -":                     "got 11 fields",
		"dev d 755 0 0":                                  `"dev": want an absolute path`,
		"/dev/../etc d 755 0 0":                          `contains ".."`,
		"/dev x 755 0 0":                                 `type "x"`,
		"/dev dd 755 0 0":                                `type "dd"`,
		"/dev d 888 0 0":                                 `mode "888"`,
		"/dev d 17777 0 0":                               `mode "17777"`,
		"/dev d -2 0 0":                                  `mode "-2"`,
		"/dev/x c 600 0 0 a 0":                           `"a": want a number`,
		"/dev/x c 600 0 0 4096 0":                        "device 4096:0",
		"/dev/x c 600 0 0 1 1048575 0 1 2":               "device 1:1048576",
		"/dev/x c 600 0 0 1 0 - 1 2":                     `"1" after "-"`,
		"/dev/x c 600 0 0 1 0 0 0 1000000":               "more than 65536 entries",
		"|xattr cap_net_raw+ep":                          "no file before it",
		"/dev d 755 0 0\n|xattr cap_kill+ep":             "/dev is of type d",
		"/x f 755 0 0\n|xattr":                           "got 0 words",
		"/x f 755 0 0\n|xattr cap_net_raw":               "want names and flags",
		"/x f 755 0 0\n|xattr cap_raw+ep":                `"cap_raw": no such name`,
		"/x f 755 0 0\n|xattr cap_kill+x":                `flags "x"`,
		"/x f 755 0 0\n|xattr all+i\n|xattr cap_kill+ep": "either all",
	}
	for table, want := range tests {
		_, err := Parse("table", []byte(table))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "table:") {
			t.Errorf("%q: got %v, want %q", table, err, want)
		}
	}
}

// The values are what setcap(8) stores, as getfattr -e hex shows it.
func TestCapabilities(t *testing.T) {
	tests := map[string]string{
		"cap_net_raw+ep":           "0100000200200000000000000000000000000000",
		"cap_net_raw=p":            "0000000200200000000000000000000000000000",
		"CAP_CHOWN,cap_bpf+eip":    "0100000201000000010000008000000080000000",
		"all=ep":                   "01000002ffffffff00000000ff01000000000000",
		"cap_chown,cap_kill+ep-i":  "0100000221000000000000000000000000000000",
		"cap_chown+eip=p":          "0000000201000000000000000000000000000000",
		"cap_chown+eip-ei":         "0000000201000000000000000000000000000000",
		"cap_checkpoint_restore+i": "0000000200000000000000000000000000010000",
	}
	for clause, want := range tests {
		c, err := capabilities{}.apply(clause)
		if err != nil {
			t.Errorf("%s: %v", clause, err)
			continue
		}
		value, err := c.encode()
		if err != nil || hex.EncodeToString(value) != want {
			t.Errorf("%s: got %x, %v, want %s", clause, value, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("/dev/hda b 640 root disk 3 1 1 1 15\n/bin/ping f 4755 0 0\n|xattr cap_net_raw+ep\n"))
	f.Add([]byte("/a r -1 0 0 - - - - -\n/dev d"))
	f.Fuzz(func(t *testing.T, table []byte) {
		entries, err := Parse("table", table)
		if err != nil {
			return
		}
		for _, e := range entries {
			again, err := parsePath(e.Path)
			if err != nil || again != e.Path {
				t.Errorf("path %q: got %q, %v", e.Path, again, err)
			}
			if e.Mode != KeepMode && e.Mode&^0o7777 != 0 || e.Major > maxMajor || e.Minor > maxMinor {
				t.Errorf("out of range: %+v", e)
			}
		}
	})
}
