# Enters a development shell, or runs one command in its place.
#
#     sh enter.sh [COMMAND ARGUMENT...]
#
# Beside what compiles, the environment has: SUBJECT, what the shell is for, and
# WITH, what is in it, in words.

. "${0%/*}/terminal.sh"

subject=$SUBJECT with=$WITH
unset SUBJECT WITH
if [ $# -gt 0 ]; then
    exec "$@"
fi
if ! [ -t 0 ]; then
    exec /bin/bash
fi
cat <<END
A shell for $subject: $with.
  /work         your directory; all that is written here stays
  /sysroot      headers and libraries to compile against
  \$DESTDIR      $DESTDIR, where "make install" puts what an overlay can bring into an image
  ./configure --prefix=/usr --host=$CHOST && make && make install
END
SUBJECT=${subject##*:} exec /bin/bash --rcfile /shell/bashrc -i
