#!/bin/sh
# Makes the development environment: tools/setup.sh FOLDER [INTERPRETER]
#
# Takes the first Python of 3.11 or newer, installs the pinned tools and the package itself (editable) into FOLDER,
# and leaves FOLDER/.ready behind for make to look at. Says what to do where something is missing.
set -eu

folder=$1
wanted=${2:-}

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in $wanted python3 python3.13 python3.12 python3.11 python3.14 python3.15 python; do
        if recent "$candidate"; then
            echo "$candidate"
            return
        fi
        if [ -n "$wanted" ]; then break; fi
    done
    echo "setup: no Python 3.11 or newer${wanted:+ called $wanted}; name one with PYTHON=/path/to/python3" >&2
    exit 2
}

# Debian keeps ensurepip in a package of its own; root can have it at once.
make_environment() {
    "$python" -m venv "$folder" && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        rm -rf "$folder"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3-venv >/dev/null && "$python" -m venv "$folder" && return
    fi
    echo "setup: $python cannot make an environment; install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2
    exit 2
}

python=$(find_python)
here=$("$folder/bin/python" -c 'import sys; print(*sys.version_info[:2])' 2>/dev/null || true)
there=$("$python" -c 'import sys; print(*sys.version_info[:2])')
[ "$here" = "$there" ] || { rm -rf "$folder"; make_environment; }

export PIP_DISABLE_PIP_VERSION_CHECK=1
"$folder/bin/python" -m pip install -q -r requirements/dev.txt
"$folder/bin/python" -m pip install -q --no-build-isolation -c requirements/dev.txt -e '.[all,dev]'
touch "$folder/.ready"
