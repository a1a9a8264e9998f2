# Runs a line of shell that wants to know its number of jobs when it begins:
#
#     sh jobs.sh 'ninja -j $JOBS'
#
# JOBS is 1, for the token that every action holds, and as many more as the
# jobserver gives now. They are held until the line ends, and never are there more
# jobs than tokens; but a token that comes free later is not used here.
set -eu

# take reads a token. It opens the FIFO anew so as not to wait for one: what was
# on offer may be somebody else's by now.
take() {
    token=$(dd if=/proc/self/fd/3 bs=1 count=1 iflag=nonblock status=none 2>/dev/null) && [ "$token" ]
}

tokens=
case ${MAKEFLAGS-} in
*--jobserver-auth=3,4*)
    # The next token is on offer soon after one was taken.
    while take || { sleep 0.05 && take; }; do
        tokens=$tokens$token
    done
    ;;
esac
export JOBS=$((1 + ${#tokens}))
sh -euxc "$1" && status=0 || status=$?
[ ! "$tokens" ] || printf %s "$tokens" >&4
exit $status
