#!/bin/sh
# CPython's own tests of http.server and socketserver, with our names, on each interpreter that is installed and comes
# with its tests; on the one that is given ("$1") at least. All at once, for they mostly wait. What may fail is listed in
# tests/classes. For root they run as another user, too.
set -eu

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
seen=" "
for python in "$1" python3.11 python3.12 python3.13 python3.14 python3.15; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case "$seen" in *" $version "*) continue ;; esac
    seen="$seen$version "
    (
        status=0
        PYTHONPATH=src:. "$python" -m tests.classes.cpython >"$logs/$version" 2>&1 || status=$?
        [ "$status" -eq 77 ] || echo "$status" >"$logs/$version.status"
    ) &
done
wait
for version in $seen; do
    echo "== Python $version"
    cat "$logs/$version"
done
! cat "$logs"/*.status 2>/dev/null | grep -qv '^0$'
