# The trial of an SDK: sh -eu sdk_test.sh DIRECTORY DIRECTORY BLANK
#
# The SDK is in all directories, of which the last has a blank in its path; the rule's
# documentation says what is tried. $prefix and $short_prefix begin the compiler's names,
# $machine_flags are what it takes for granted; $elf_class, $elf_data and $interpreter
# are what its programs have in their headers.

fail() {
    echo "sdk_test: $*" >&2
    exit 1
}

# is_ours FILE: it is a program or library for the machine.
is_ours() {
    header=$("${short_prefix}readelf" --file-header "$1")
    case $header in
    *"ELF$elf_class"*"$elf_data"*) ;;
    *) fail "$1 is for another machine:" "$header" ;;
    esac
}

# is_program FILE: it is a program that the machine can start.
is_program() {
    is_ours "$1"
    "${short_prefix}readelf" --program-headers "$1" | grep -qF "interpreter: $interpreter]" ||
        fail "$1 does not want $interpreter"
}

# links SDK: no symbolic link of it leads nowhere or out.
links() {
    find "$1" -type l | while IFS= read -r link; do
        case $(readlink "$link") in
        /*) fail "$link is absolute" ;;
        esac
        [ -e "$link" ] || fail "$link leads nowhere"
        case $(readlink -f "$link") in
        "$1"/*) ;;
        *) fail "$link leads out of the SDK" ;;
        esac
    done
    [ -z "$(find "$1" -name '*.la')" ] || fail "there are libtool archives"
}

# programs SDK: all of them run, under both names.
programs() {
    for name in "$prefix" "$short_prefix"; do
        for program in gcc cc cpp ar as ld nm objcopy objdump ranlib readelf size strings strip gdb pkg-config; do
            "$1/bin/$name$program" --version >/dev/null || fail "bin/$name$program does not run"
        done
    done
    for program in "$1"/bin/*; do
        "$program" --version >/dev/null || fail "$program does not run"
    done
}

# hello SDK: with PATH alone.
hello() {
    PATH=$1/bin:$PATH
    cat >hello.c <<'END'
#include <math.h>
#include <pthread.h>
#include <stdio.h>
static void *say(void *what) { return puts(what) < 0 ? what : NULL; }
int main(int argc, char **argv) {
    pthread_t t;
    return pthread_create(&t, NULL, say, "hello") || pthread_join(t, NULL) || floor(argc + 0.5) != argc;
}
END
    "${short_prefix}gcc" hello.c -o hello -pthread -lm
    is_program hello
    for flag in $machine_flags; do
        "${short_prefix}gcc" '-###' -c hello.c 2>&1 | grep -qF -e "$flag" || fail "gcc does not take $flag for granted"
    done
    "${short_prefix}gcc" -static hello.c -o hello-static -pthread -lm
    is_ours hello-static
    [ -e "$1/bin/${prefix}g++" ] || return 0
    cat >hello.cc <<'END'
#include <iostream>
#include <stdexcept>
int main() {
    try {
        throw std::runtime_error("hello");
    } catch (const std::exception &e) {
        std::cout << e.what() << std::endl;
    }
}
END
    "${short_prefix}g++" hello.cc -o hello-cc
    is_program hello-cc
}

# sourced SDK: wherever a shell is when it reads environment, and whichever it is.
sourced() {
    for shell in /bin/sh /bash/bin/bash-static; do
        for way in "cd /; . '$1/environment'" "cd '$1'; . ./environment" "cd '$1/bin'; . ../environment"; do
            got=$("$shell" -euc "$way; . '$1/environment'; echo \"\$APPLIANCE_SDK:\$PATH\"; command -v \$CC; \$CC --version >/dev/null")
            [ "$got" = "$1:$1/bin:/bin
$1/bin/${prefix}gcc" ] || fail "$shell: $way: got $got"
        done
    done
}

# libraries: each that pkg-config knows is found, in the SDK and nowhere else. Some leave
# symbols to another library of the program.
libraries() {
    echo 'int main(void) { return 0; }' >empty.c
    for library in $($PKG_CONFIG --list-all | cut -d ' ' -f 1); do
        flags=$($PKG_CONFIG --cflags --libs "$library")
        eval "$CC $CFLAGS -Wl,--no-as-needed,--allow-shlib-undefined $LDFLAGS empty.c -o with-$library $flags"
        is_program "with-$library"
    done
    for flags in /usr/include /usr/local/include; do
        $CC -E -v empty.c 2>&1 >/dev/null | grep -x " $flags" && fail "the compiler looks into $flags"
    done
    return 0
}

# package: configure, make, make install.
package() {
    mkdir build
    (
        cd build
        /src/configure --prefix=/usr --host="${short_prefix%-}"
        make
        make install DESTDIR="$PWD/../install"
    )
    for program in install/usr/bin/*; do
        [ -h "$program" ] || is_program "$program"
    done
}

# sums: what came out.
sums() {
    find . -name 'hello*' -o -name 'with-*' -o -path './install/*' -type f | sort | xargs sha256sum
}

# whole SDK: all that can be tried in one place, in the working directory.
whole() {
    links "$1"
    programs "$1"
    (hello "$1")
    sourced "$1"
    (
        . "$1/environment"
        libraries
        package
    )
}

mkdir first second blank
(
    cd first
    whole "$1"
    sums >../first.sums
)
(
    cd second
    whole "$2"
    sums >../second.sums
)
cmp first.sums second.sums || fail "the place of the SDK makes a difference"

cd blank
(hello "$3")
sourced "$3"
cmp hello ../first/hello || fail "a blank in the path makes a difference"
said=$("$3/bin/${prefix}pkg-config" --version 2>&1) && fail "pkg-config does not mind a blank"
case $said in
*"move $3") ;;
*) fail "pkg-config says $said" ;;
esac
