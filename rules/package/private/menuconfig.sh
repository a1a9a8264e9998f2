# Lets a person change a configuration, and writes down what has changed.
#
#     sh -eu menuconfig.sh [TARGET]
#
# TARGET of make is the menu, by default menuconfig. Beside this file lies `parts`,
# which says what the configuration is made of:
#
#   setup, base, update   functions: the lines of KconfigInfo
#   before, after         fragments, in order, around the one that is written
#   edited                what that one was; empty if it is new
#   own                   the lines of the rule; may be empty
#   final                 the configuration as it was
#   name, user            of the new fragment, and the target that may use it
#
# The fragment is written to /save/fragment, if anything has changed.

here=${0%/*}
. "$here/terminal.sh"
. "$here/parts"
menu=${1:-menuconfig}
work=$(mktemp -d)

if [ "$menu" = menuconfig ] && ! [ -t 0 ]; then
    echo "a menu needs a terminal for its input and its output" >&2
    exit 1
fi

# resolve FRAGMENT OUT makes the configuration with a fragment in the place of the
# edited one.
resolve() {
    cp "$work/base" base.config
    # shellcheck disable=SC2086 # paths of fragments hold no blanks
    awk -v own="$own" -v wanted="$work/wanted" -f "$here/merge.awk" $before "$1" $after $own base.config >.config || exit 1
    update >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 1
    }
    cp .config "$2"
}

difference() {
    awk -v own="$own" -f "$here/kconfig_difference.awk" "$@"
}

setup >/dev/null
base >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}
cp .config "$work/base"
cp "$final" .config
chmod u+w .config
make "$menu"
cp .config "$work/want"

[ -n "$(difference "$final" "$work/want")$(difference "$work/want" "$final")" ] || {
    echo "nothing has changed"
    exit 0
}

# What the fragment says and still holds stays. To it come the fewest lines: one
# after the other, in the order of the menu, until what the sources choose by
# themselves is all that was wanted. Many changes go together:
# nobody waits for a hundred runs of make.
[ -z "$edited" ] || grep -Fx -f "$work/want" "$edited" | grep -E '^(# )?CONFIG_[A-Za-z0-9_]+[= ]' >"$work/lines" || :
[ -n "$edited" ] || : >"$work/lines"
while
    resolve "$work/lines" "$work/have"
    difference "$work/have" "$work/want" >"$work/more" || exit 1
    [ -s "$work/more" ]
do
    # A line that is there and was not heard never will be.
    if grep -Fx -f "$work/lines" "$work/more" >"$work/lost"; then
        echo "these changes are lost, because later fragments, config_lines or the rule say otherwise:" >&2
        sed 's/^/    /' "$work/lost" >&2
        grep -Fxv -f "$work/lost" "$work/want" >"$work/rest" || :
        grep -Fxv -f "$work/lost" "$work/lines" >"$work/kept" || :
        mv "$work/rest" "$work/want"
        mv "$work/kept" "$work/lines"
    else
        [ "$(wc -l <"$work/more")" -gt 50 ] || sed -i 1q "$work/more"
        cat "$work/more" >>"$work/lines"
    fi
done

mkdir -p /save
awk -f "$here/kconfig_fragment.awk" "$work/lines" ${edited:+"$edited"} >"$work/fragment"
[ -n "$edited" ] || [ -s "$work/lines" ] || exit 0
cp "$work/fragment" /save/fragment
[ -n "$edited" ] || echo "to use it: fragments = [..., \"$name\"] of $user"
