# Makes a fragment that holds these lines, with the comments of an old one.
#
#   awk -f kconfig_fragment.awk LINES [OLD]
#
# Symbols stand where OLD has them; new ones come last.

function symbol(line) {
    sub(/^# /, "", line)
    sub(/[= ].*/, "", line)
    return line
}

FILENAME == ARGV[1] {
    name = symbol($0)
    if (!(name in line)) order[++count] = name
    line[name] = $0
    next
}

/^CONFIG_[A-Za-z0-9_]+=/ || /^# CONFIG_[A-Za-z0-9_]+ is not set$/ {
    name = symbol($0)
    if (name in line) {
        print line[name]
        delete line[name]
    }
    next
}

{ print }

END {
    for (i = 1; i <= count; i++)
        if (order[i] in line) print line[order[i]]
}
