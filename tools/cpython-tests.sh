#!/bin/sh
# CPython's own tests of http.server and socketserver, with our names, on each interpreter that is installed and comes
# with its tests; on the one that is given ("$1") at least. What may fail is listed in tests/classes.
set -eu

failed=0
for python in "$1" python3.11 python3.12 python3.13 python3.14 python3.15; do
    "$python" -c '' >/dev/null 2>&1 || { echo "== $python: not installed"; continue; }
    echo "== $("$python" --version) ($python)"
    status=0
    PYTHONPATH=src:. "$python" -m tests.classes.cpython || status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq 77 ] || failed=1
done
exit "$failed"
