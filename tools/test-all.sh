#!/bin/sh
# The test suite on each interpreter that is installed, each in an environment of its own (.venv-3.12 ...).
set -eu

sh tools/install-test-tools.sh
for version in 3.11 3.12 3.13 3.14 3.15; do
    "python$version" -c '' >/dev/null 2>&1 || { echo "== python$version: not installed"; continue; }
    echo "== python$version"
    make -s setup VENV=".venv-$version" PYTHON="python$version"
    ".venv-$version/bin/python" -m pytest -q -m "not bench"
done
