#!/bin/sh
# Prints the Pythons of this machine that can run quart-chat, one "version path" a line, each version once, the preferred
# one first. With PYTHON set, only that one is tried. Exits 1, and says what to do, when there is none.
set -u

probe='
import sys
version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    print("old", version)
else:
    try:
        import ensurepip, venv
        print(version, sys.executable)
    except ImportError:
        print("bare", version)
'
found=''
bare=''
old=''

offer() {
    line=$("$1" -c "$probe" 2>/dev/null </dev/null) || return 0
    version=${line%% *}
    case $version in
        old) old=${line#* } ;;
        bare) bare=${line#* } ;;
        *)
            case $found in
                *" $version "*) ;;
                *) found="$found $version "; echo "$line" ;;
            esac
            ;;
    esac
}

# Every folder is searched, not only the first hit: a pyenv shim stands on PATH even for versions that it refuses to run.
offer_from_path() {
    old_ifs=$IFS
    IFS=:
    for folder in $PATH; do
        if [ -x "$folder/$1" ]; then offer "$folder/$1"; fi
    done
    IFS=$old_ifs
}

offer_all() {
    for name in python3 python3.13 python3.12 python3.11 python3.14; do
        offer_from_path "$name"
    done
    for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do
        if [ -x "$python" ]; then offer "$python"; fi
    done
}

explain() {
    if [ -n "$bare" ]; then
        echo "Python $bare is here, but without its module venv. On Debian or Ubuntu: apt install python$bare-venv"
        return
    fi
    echo "quart-chat needs Python 3.11 or newer, and ${PYTHON:-this machine} has ${old:-none}."
    echo "Install one from your system's packages, or name one: make run PYTHON=/path/to/python3"
}

if [ -n "${PYTHON:-}" ]; then offer "$PYTHON"; else offer_all; fi
if [ -z "$found" ]; then
    explain >&2
    exit 1
fi
