# Starts QEMU with the kernel's command line, with KVM where that works.
#
#     sh start.sh CPU FIRST LAST QEMU ARGUMENT...
#
# The command line is the words FIRST, those in the file cmdline beside this one,
# and the words LAST. CPU is the processor, as uname -m names it, on which KVM can
# run the machine; empty for none.

cpu=$1
first=$2
words="$first $(cat "${0%/*}/cmdline") $3"
shift 3

# KVM can be there, and its processors hang. So it has to bring the very same
# kernel to its end first: one that finds no program to start panics, resets the
# machine and so ends QEMU. Where there is no KVM this costs nothing.
kvm_works() {
    [ "$(uname -m)" = "$cpu" ] && [ -r /dev/kvm ] && [ -w /dev/kvm ] &&
        timeout --signal=KILL 15 "$@" -accel kvm -append "$first root=/dev/ram0 init=/none rdinit=/none panic=-1" </dev/null 2>&1 |
        grep -q 'Kernel panic - not syncing'
}

accel=tcg
if kvm_works "$@"; then
    accel=kvm
fi
exec "$@" -accel $accel -append "$words"
