package devtable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// capabilityNames are those of include/uapi/linux/capability.h, by number.
var capabilityNames = []string{
	"cap_chown", "cap_dac_override", "cap_dac_read_search", "cap_fowner",
	"cap_fsetid", "cap_kill", "cap_setgid", "cap_setuid", "cap_setpcap",
	"cap_linux_immutable", "cap_net_bind_service", "cap_net_broadcast",
	"cap_net_admin", "cap_net_raw", "cap_ipc_lock", "cap_ipc_owner",
	"cap_sys_module", "cap_sys_rawio", "cap_sys_chroot", "cap_sys_ptrace",
	"cap_sys_pacct", "cap_sys_admin", "cap_sys_boot", "cap_sys_nice",
	"cap_sys_resource", "cap_sys_time", "cap_sys_tty_config", "cap_mknod",
	"cap_lease", "cap_audit_write", "cap_audit_control", "cap_setfcap",
	"cap_mac_override", "cap_mac_admin", "cap_syslog", "cap_wake_alarm",
	"cap_block_suspend", "cap_audit_read", "cap_perfmon", "cap_bpf",
	"cap_checkpoint_restore",
}

// capabilities are three sets, one bit for each name.
type capabilities struct{ effective, permitted, inheritable uint64 }

// apply reads one clause of cap_from_text(3): names parted by commas, or "all",
// then one or more operators with flags, such as cap_net_raw,cap_net_admin+ep.
func (c capabilities) apply(clause string) (capabilities, error) {
	at := strings.IndexAny(clause, "+-=")
	if at < 0 {
		return c, fmt.Errorf("capability %q: want names and flags, such as cap_net_raw+ep", clause)
	}
	mask, err := capabilityMask(clause[:at])
	if err != nil {
		return c, err
	}
	for rest := clause[at:]; rest != ""; {
		operator := rest[0]
		end := strings.IndexAny(rest[1:], "+-=") + 1
		if end == 0 {
			end = len(rest)
		}
		flags := rest[1:end]
		if strings.Trim(flags, "eip") != "" {
			return c, fmt.Errorf("capability %q: flags %q: want e, i and p", clause, flags)
		}
		c.effective = change(c.effective, mask, operator, strings.Contains(flags, "e"))
		c.inheritable = change(c.inheritable, mask, operator, strings.Contains(flags, "i"))
		c.permitted = change(c.permitted, mask, operator, strings.Contains(flags, "p"))
		rest = rest[end:]
	}
	return c, nil
}

func capabilityMask(names string) (uint64, error) {
	if names == "" || strings.EqualFold(names, "all") {
		return 1<<len(capabilityNames) - 1, nil
	}
	mask := uint64(0)
	for _, name := range strings.Split(names, ",") {
		bit := slices.Index(capabilityNames, strings.ToLower(name))
		if bit < 0 {
			return 0, fmt.Errorf("capability %q: no such name", name)
		}
		mask |= 1 << bit
	}
	return mask, nil
}

// change is what an operator does to one of the sets; flagged tells whether
// the set's flag is among those after the operator.
func change(set, mask uint64, operator byte, flagged bool) uint64 {
	switch {
	case operator == '+' && flagged:
		return set | mask
	case operator == '-' && flagged, operator == '=' && !flagged:
		return set &^ mask
	case operator == '=':
		return set | mask
	}
	return set
}

// The value of the xattr is struct vfs_cap_data, revision 2: five little endian
// words, of which the first has one bit for all effective capabilities.
const (
	capRevision2 = 0x02000000
	capEffective = 1
)

func (c capabilities) encode() ([]byte, error) {
	first := uint32(capRevision2)
	if c.effective != 0 {
		if c.effective != c.permitted|c.inheritable {
			return nil, errors.New("capability: a file has either all of its capabilities effective or none")
		}
		first |= capEffective
	}
	var value []byte
	for _, word := range []uint32{
		first,
		uint32(c.permitted), uint32(c.inheritable),
		uint32(c.permitted >> 32), uint32(c.inheritable >> 32),
	} {
		value = binary.LittleEndian.AppendUint32(value, word)
	}
	return value, nil
}
