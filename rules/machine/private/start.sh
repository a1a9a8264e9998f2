# Starts QEMU with KVM where that works, else emulated.
#
#     sh start.sh CPU WORDS QEMU ARGUMENT...
#
# CPU is the machine's, as uname -m names it. WORDS are for a kernel that shows
# what it does, finds no program to start, panics and resets the machine.

cpu=$1
words=$2
shift 2

# KVM can be there and its processors hang. So it has to bring the very same
# kernel to its end first. A machine without KVM costs nothing.
kvm_works() {
    [ "$(uname -m)" = "$cpu" ] && [ -r /dev/kvm ] && [ -w /dev/kvm ] &&
        timeout --signal=KILL 15 "$@" -accel kvm -append "$words" </dev/null 2>&1 |
        grep -q 'Kernel panic - not syncing'
}

if kvm_works "$@"; then
    exec "$@" -accel kvm
fi
exec "$@" -accel tcg
