# Whatever terminal it is that the tool root has no description of, it can most
# likely do what xterm can.
case ${TERM:-dumb} in
dumb) ;;
*) [ -e "/lib/terminfo/$(printf %.1s "$TERM")/$TERM" ] || export TERM=xterm-256color ;;
esac
