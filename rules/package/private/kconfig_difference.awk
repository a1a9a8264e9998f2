# Prints the lines of a configuration that another one lacks.
#
#   awk -v own=OWN -f kconfig_difference.awk HAVE WANT
#
# A symbol that is nowhere is one that is not set. Those that HAVE knows of come
# alone: what the others are may follow from them. Symbols in OWN are left out.

function symbol(line) {
    sub(/^# /, "", line)
    sub(/[= ].*/, "", line)
    return line
}

BEGIN {
    if (own != "")
        while ((getline line <own) > 0) ours[symbol(line)] = 1
}

!/^CONFIG_[A-Za-z0-9_]+=/ && !/^# CONFIG_[A-Za-z0-9_]+ is not set$/ { next }

FILENAME == ARGV[1] { have[symbol($0)] = $0; next }

{
    name = symbol($0)
    if (name in ours || have[name] == $0) next
    if (have[name] != "") known[++knowns] = $0
    else if ($0 !~ / is not set$/) other[++others] = $0
}

END {
    for (i = 1; i <= knowns; i++) print known[i]
    if (!knowns)
        for (i = 1; i <= others; i++) print other[i]
}
