package sandbox

import (
	"os"
	"strings"
)

// A switch of the kernel that forbids sandboxes when it has the value off.
type kernelSwitch struct {
	file, off string // file below /proc/sys
	fix       string
}

var kernelSwitches = []kernelSwitch{
	{"kernel/unprivileged_userns_clone", "0", "allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1"},
	{"kernel/apparmor_restrict_unprivileged_userns", "1", "let AppArmor allow user namespaces: " +
		"sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or a profile with the rule userns for this program"},
	{"user/max_user_namespaces", "0", "allow user namespaces: sysctl -w user.max_user_namespaces=15000"},
	{"user/max_mnt_namespaces", "0", "allow mount namespaces: sysctl -w user.max_mnt_namespaces=15000"},
	{"user/max_pid_namespaces", "0", "allow process namespaces: sysctl -w user.max_pid_namespaces=15000"},
	{"user/max_net_namespaces", "0", "allow network namespaces: sysctl -w user.max_net_namespaces=15000"},
	{"user/max_ipc_namespaces", "0", "allow IPC namespaces: sysctl -w user.max_ipc_namespaces=15000"},
	{"user/max_uts_namespaces", "0", "allow host name namespaces: sysctl -w user.max_uts_namespaces=15000"},
}

// fixFor says what to change so that the host offers ability. The setting that is found
// to be off comes first; container runtimes, which forbid by filters that
// cannot be asked, come last.
func fixFor(ability string) string {
	var fixes []string
	for _, s := range kernelSwitches {
		value, err := os.ReadFile("/proc/sys/" + s.file)
		if err == nil && strings.TrimSpace(string(value)) == s.off {
			fixes = append(fixes, s.fix)
		}
	}
	if len(fixes) == 0 {
		fixes = append(fixes, usualFix(ability))
	}
	return strings.Join(fixes, "; ")
}

// usualFix is for a host whose switches are all on.
func usualFix(ability string) string {
	switch ability {
	case abilityProc:
		return "in a container, let /proc be mounted: docker run --security-opt systempaths=unconfined " +
			"--security-opt seccomp=unconfined --security-opt apparmor=unconfined, or --privileged"
	case abilityOverlay:
		return "it takes Linux 5.12 or newer and a cache directory on a file system that overlayfs can write to " +
			"(ext4, xfs or btrfs; not NFS, not the overlay of a container: give the container a volume)"
	default:
		return "in a container, allow namespaces: docker run --security-opt seccomp=unconfined " +
			"--security-opt apparmor=unconfined, or --privileged; otherwise a kernel with " +
			"CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS, CONFIG_IPC_NS and CONFIG_UTS_NS"
	}
}
