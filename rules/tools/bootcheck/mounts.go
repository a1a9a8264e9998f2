package bootcheck

import (
	"fmt"
	"slices"
	"strings"
)

// fileSystems are the symbols by the types of fstab.
var fileSystems = map[string]string{
	"9p":         "9P_FS",
	"btrfs":      "BTRFS_FS",
	"cgroup":     "CGROUPS",
	"cgroup2":    "CGROUPS",
	"configfs":   "CONFIGFS_FS",
	"debugfs":    "DEBUG_FS",
	"devpts":     "UNIX98_PTYS",
	"devtmpfs":   "DEVTMPFS",
	"erofs":      "EROFS_FS",
	"exfat":      "EXFAT_FS",
	"ext2":       "EXT2_FS",
	"ext3":       "EXT4_FS",
	"ext4":       "EXT4_FS",
	"f2fs":       "F2FS_FS",
	"fuse":       "FUSE_FS",
	"hugetlbfs":  "HUGETLBFS",
	"iso9660":    "ISO9660_FS",
	"jffs2":      "JFFS2_FS",
	"mqueue":     "POSIX_MQUEUE",
	"nfs":        "NFS_FS",
	"nfs4":       "NFS_V4",
	"overlay":    "OVERLAY_FS",
	"proc":       "PROC_FS",
	"securityfs": "SECURITYFS",
	"squashfs":   "SQUASHFS",
	"sysfs":      "SYSFS",
	"tmpfs":      "TMPFS",
	"tracefs":    "TRACING",
	"ubifs":      "UBIFS_FS",
	"vfat":       "VFAT_FS",
	"xfs":        "XFS_FS",
}

// mounts holds the lines of /etc/fstab that are mounted at boot, and may not
// fail, against the configuration.
func (c *check) mounts() {
	asked := map[string]bool{}
	for _, line := range strings.Split(c.Fstab, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.HasPrefix(fields[0], "#") || isOptional(fields[3:]) {
			continue
		}
		symbol, known := fileSystems[fields[2]]
		if !known || asked[symbol] {
			continue
		}
		asked[symbol] = true
		why := fmt.Sprintf("/etc/fstab mounts %s on %s", fields[2], fields[1])
		if symbol == "EXT2_FS" {
			c.needExt2(why)
			continue
		}
		c.need(symbol, why)
	}
}

// isOptional looks at fields four and further of a line.
func isOptional(fields []string) bool {
	if len(fields) == 0 {
		return false
	}
	options := strings.Split(fields[0], ",")
	return slices.Contains(options, "noauto") || slices.Contains(options, "nofail")
}
