# Checks that the lines of fragments are in the configuration that kconfig made.
#
#   awk -f kconfig_check.awk WANTED .config
#
# kconfig drops a symbol that does not exist or whose dependencies are off, and
# says nothing.

function symbol(line) {
    sub(/^# /, "", line)
    sub(/[= ].*/, "", line)
    return line
}

FILENAME == ARGV[1] {
    tab = index($0, "\t")
    count++
    place[count] = substr($0, 1, tab - 1)
    want[count] = substr($0, tab + 1)
    next
}

/^[A-Z][A-Za-z0-9_]*=/ || /^# [A-Z][A-Za-z0-9_]* is not set$/ { got[symbol($0)] = $0 }

END {
    for (i = 1; i <= count; i++) {
        now = got[symbol(want[i])]
        if (now == want[i] || now == "" && want[i] ~ / is not set$/) continue
        if (now == "") now = "nothing: no such symbol, or something that it depends on is off"
        print place[i] ": \"" want[i] "\" did not survive; the configuration has " now >"/dev/stderr"
        failed = 1
    }
    exit failed
}
