#!/bin/sh
# install_requirements.sh VENV FILE: installs a requirements file into a virtual environment, which is made if it is
# missing, broken (its Python is gone), or older than Python 3.11.
set -eu
venv=$1
file=$2

works() {
    "$venv/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if ! works; then
    pythons=$("$(dirname "$0")/find_python.sh")
    first=$(echo "$pythons" | head -n 1)
    echo "Making $venv with Python ${first%% *}."
    "${first#* }" -m venv --clear "$venv"
fi

echo "Installing $file into $venv."
"$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --requirement "$file"
