"""CPython's own tests of `http.server` and `socketserver`, run with these names mapped to ours.

    python -m tests.classes.cpython [--lenient] [--list]

Runs `test.test_httpservers` and `test.test_socketserver` of the interpreter that runs it, twice: with our strictness,
where exactly the tests of `expected_failures.txt` must fail, and with `dangerous_leniency`, where only those may that
compare where a class lives. Root runs them a second time as the user nobody, since some skip for root. What is listed
has its reason in `docs/compatibility.md`. Exits with 1 where a test fails that is not listed, or one that is listed
passes; with 77 where the interpreter has no tests.
"""

from __future__ import annotations

import argparse
import getpass
import http
import importlib.util
import os
import sys
import unittest
import warnings
from collections.abc import Iterator
from pathlib import Path

MODULES = ("test.test_socketserver", "test.test_httpservers")
LISTED = Path(__file__).with_name("expected_failures.txt")


def main() -> int:
    """Run both ways, or the one asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lenient", action="store_true", help="only with dangerous_leniency")
    parser.add_argument("--strict", action="store_true", help="only without")
    parser.add_argument("--list", action="store_true", help="print what fails, one a line")
    parser.add_argument("--verbose", action="store_true", help="print the tracebacks, too")
    given = parser.parse_args()
    if importlib.util.find_spec("test.test_httpservers") is None:
        print("this interpreter comes without its tests")
        return 77
    _map_names()
    wrong = 0
    for lenient in (False, True):
        if (lenient and given.strict) or (not lenient and given.lenient):
            continue
        wrong += _run_one_way(lenient=lenient, listing=given.list, verbose=given.verbose)
    if os.geteuid() == 0:
        from tests.classes.cpython_user import run_as_nobody

        wrong += run_as_nobody(sys.argv[1:])
    return 1 if wrong else 0


def _map_names() -> None:
    import salver.server
    import salver.socketserver

    if "LD_LIBRARY_PATH" in os.environ:  # what a copied interpreter finds its own library by; scripts do not get it
        from salver.gateway.cgi_settings import INHERITED, CGISettings

        salver.server.CGIHTTPRequestHandler.cgi_settings = CGISettings(inherit=(*INHERITED, "LD_LIBRARY_PATH"))
    sys.modules["http.server"] = salver.server
    vars(http)["server"] = salver.server
    sys.modules["socketserver"] = salver.socketserver


def _run_one_way(*, lenient: bool, listing: bool, verbose: bool) -> int:
    from test import support  # type: ignore[import-not-found]  # CPython's

    from salver.server import BaseHTTPRequestHandler

    support.verbose = False
    support.use_resources = ["network"]  # connections to this machine
    BaseHTTPRequestHandler.dangerous_leniency = lenient
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromName(name) for name in MODULES)
    there = {test_name(test) for test in _flat(suite)}
    with warnings.catch_warnings(), open("/dev/null", "w") as nowhere:
        warnings.simplefilter("ignore")
        sink = sys.stderr if verbose else nowhere
        error, sys.stderr = sys.stderr, sink
        try:
            result = unittest.TextTestRunner(sink, verbosity=1).run(suite)
        finally:
            sys.stderr = error
    failed = {test_name(test) for test, _ in [*result.failures, *result.errors]}
    way = "lenient" if lenient else "strict"
    print(f"{way}, as {getpass.getuser()}: {result.testsRun} run, {len(failed)} failed, {len(result.skipped)} skipped")
    if listing:
        print("\n".join(f"{way} {name}" for name in sorted(failed)))
    sys.stdout.flush()
    skipped = {test_name(test) for test, _ in result.skipped}
    expected = (expected_failures(way) & there) - skipped
    for name in sorted(failed - expected):
        print(f"  fails, and is not listed: {name}")
    for name in sorted(expected - failed):
        print(f"  is listed, and passes: {name}")
    return len(failed ^ expected)


def _flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from _flat(each)
        else:
            yield each


def test_name(test: unittest.TestCase) -> str:
    """`module.Class.test`, of a subtest too."""
    whole = getattr(test, "test_case", test)
    return str(whole.id()).removeprefix("test.")


def expected_failures(way: str) -> set[str]:
    """The listed names for one way; "strict", "lenient" or "both", and a test, a line; perhaps "since" a version."""
    found = set()
    for line in LISTED.read_text().splitlines():
        text = line.partition("#")[0].split()
        if len(text) < 2 or text[0] not in (way, "both"):
            continue
        since = text[3].split(".") if text[2:3] == ["since"] else ["3", "0"]
        if sys.version_info >= tuple(map(int, since)):
            found.add(text[1])
    return found


if __name__ == "__main__":
    sys.exit(main())
