#!/bin/sh
# The test suite on each interpreter that is installed, each in an environment of its own (.venv-3.12 ...). Looks on the
# PATH, then among pyenv's, whose shims are on the PATH but refuse to run a version that is not chosen.
set -eu

works() { "$1" -c '' >/dev/null 2>&1; }

interpreter() {
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/"python$1"; do
        if works "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

sh tools/install-test-tools.sh
for version in 3.11 3.12 3.13 3.14 3.15; do
    python=$(interpreter "$version")
    [ -n "$python" ] || { echo "== Python $version: not installed"; continue; }
    echo "== Python $version"
    make -s setup VENV=".venv-$version" PYTHON="$python"
    ".venv-$version/bin/python" -m pytest -q -m "not bench" -n "${PROCESSES:-2}" --dist loadfile
done
