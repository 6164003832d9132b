#!/bin/sh
# The peers: benchmarks/setup.sh INTERPRETER
#
# Python's go into benchmarks/.venv; nginx, lighttpd and wrk come from Debian's packages where we are root. What cannot be had
# is said once, and the comparisons with it are then skipped; without wrk nothing can be measured.
set -eu

interpreter=$1
folder=benchmarks/.venv
export PIP_DISABLE_PIP_VERSION_CHECK=1

as_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

packages=
for tool in nginx:nginx-light lighttpd:lighttpd wrk:wrk taskset:util-linux; do
    PATH="$PATH:/usr/sbin" command -v "${tool%%:*}" >/dev/null || packages="$packages ${tool#*:}"
done
if [ -n "$packages" ]; then
    if as_root; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends $packages >/dev/null ||
            echo "bench: not to be had here:$packages"
    else
        echo "bench: missing:$packages"
    fi
fi

if [ ! -e "$folder/.ready" ] || [ benchmarks/requirements.txt -nt "$folder/.ready" ]; then
    [ -x "$folder/bin/python" ] || "$interpreter" -m venv "$folder"
    "$folder/bin/python" -m pip install -q -r benchmarks/requirements.txt
    if as_root; then apt-get install -y -q --no-install-recommends libev-dev gcc >/dev/null 2>&1 || true; fi
    "$folder/bin/python" -m pip install -q bjoern==3.2.2 >/dev/null 2>&1 || echo "bench: bjoern does not build here"
    "$folder/bin/python" -m pip install -q pycurl==7.49.0 >/dev/null 2>&1 || {
        if as_root; then apt-get install -y -q --no-install-recommends libcurl4-openssl-dev >/dev/null 2>&1 || true; fi
        "$folder/bin/python" -m pip install -q pycurl==7.49.0 >/dev/null 2>&1 || echo "bench: pycurl does not build here"
    }
    touch "$folder/.ready"
fi
