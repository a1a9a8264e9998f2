# Lays fragments over a kconfig configuration.
#
#   awk -v own=OWN -v wanted=WANTED -f kconfig_merge.awk FRAGMENT... OWN BASE >.config
#
# The last line about a symbol wins; only OWN, the lines that the rule itself
# writes, must not touch what a fragment has said. WANTED becomes a list of the
# lines that must survive, each with the place it comes from, for
# kconfig_check.awk.

function symbol(line) {
    sub(/^# /, "", line)
    sub(/[= ].*/, "", line)
    return line
}

function complain(text) {
    print FILENAME ":" FNR ": " text >"/dev/stderr"
    failed = 1
}

BEGIN { base = ARGV[ARGC - 1] }

FILENAME == base {
    if (!(symbol($0) in line)) print
    next
}

/^[A-Z][A-Za-z0-9_]*=/ || /^# [A-Z][A-Za-z0-9_]* is not set$/ {
    name = symbol($0)
    if (FILENAME == own && name in line)
        complain(name " is not yours to set: the rule does, see " place[name])
    if (!(name in line)) order[++count] = name
    line[name] = $0
    place[name] = FILENAME ":" FNR
    next
}

!/^[ \t]*(#.*)?$/ { complain("got \"" $0 "\", want NAME=value, # NAME is not set, or a comment") }

END {
    printf "" >wanted
    for (i = 1; i <= count; i++) {
        print line[order[i]]
        print place[order[i]] "\t" line[order[i]] >wanted
    }
    exit failed
}
