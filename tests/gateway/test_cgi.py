"""Scripts through the handlers, real processes and no server: what they give, and where they send the client."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from salver.gateway import CGIFolder, CGIScript
from salver.request import Request
from tests.gateway.scripts import HEAD, run_script
from tests.gateway.support import content, request, script

pytestmark = pytest.mark.usefixtures("nothing_is_left")


# What scripts give


@pytest.mark.usefixtures("whole")
def test_a_short_answer_comes_whole(scripts: Path) -> None:
    response = run_script(scripts, HEAD + "echo hello")
    assert response.status == 200 and response.body == b"hello\n"
    assert response.headers["content-type"] == "text/plain"


@pytest.mark.usefixtures("whole")
def test_a_status_and_fields(scripts: Path) -> None:
    response = run_script(
        scripts, "printf 'Status: 418 Short and stout\\r\\nSet-Cookie: a=1\\r\\nSet-Cookie: b=2\\r\\n\\r\\n'"
    )
    assert (response.status, response.reason, response.body) == (418, "Short and stout", b"")
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_a_body_is_streamed(scripts: Path) -> None:
    response = run_script(scripts, HEAD + "echo 1; sleep 0.1; echo 2; sleep 0.1; echo 3")
    pieces: list[bytes] = list(response.body)  # type: ignore[arg-type]
    assert b"".join(pieces) == b"1\n2\n3\n" and len(pieces) == 3


def test_a_large_body_comes_in_pieces(scripts: Path) -> None:
    response = run_script(scripts, HEAD + "head -c 3000000 /dev/zero")
    assert content(response) == bytes(3_000_000)


def test_a_large_body_knows_its_length_where_the_script_does(scripts: Path) -> None:
    response = run_script(
        scripts, "printf 'Content-Type: a/b\\nContent-Length: 3000000\\n\\n'; head -c 3000000 /dev/zero"
    )
    assert response.headers["content-length"] == "3000000" and len(content(response)) == 3_000_000


def test_a_script_runs_in_its_folder_with_a_fixed_argument_vector(scripts: Path) -> None:
    script(scripts, "sub/x", HEAD + 'pwd; echo $#; echo "$0"')
    response = CGIFolder(scripts)(request("/sub/x/info?-s+one+two"))
    assert content(response).decode().split() == [str(scripts / "sub"), "0", str(scripts / "sub/x")]


def test_nothing_of_ours_is_open_in_a_script(scripts: Path) -> None:
    inherited = os.dup(0) if os.path.exists("/proc/self/fd/0") else os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    try:
        response = run_script(scripts, HEAD + "ls /proc/$$/fd")
    finally:
        os.close(inherited)
    # dash keeps the script itself at 10
    assert set(content(response).split()) <= {b"0", b"1", b"2", b"10", b"255"}


def test_a_script_leads_a_session_of_its_own(scripts: Path) -> None:
    response = run_script(scripts, HEAD + "cut -d' ' -f6 /proc/$$/stat; echo $$")
    session, pid = content(response).split()
    assert session == pid


def test_python_without_a_run_bit(scripts: Path) -> None:
    script(scripts, "x.py", "import sys\nprint('Content-Type: a/b\\n')\nprint(sys.flags.interactive, 'py')", 0o644)
    assert content(CGIFolder(scripts)(request("/x.py"))) == b"0 py\n"


def test_python_with_a_run_bit_and_without_a_first_line(scripts: Path) -> None:
    script(scripts, "x.py", "print('Content-Type: a/b\\n')\nprint('py')", 0o755)
    assert content(CGIFolder(scripts)(request("/x.py"))) == b"py\n"


def test_an_interpreter_of_the_settings(scripts: Path) -> None:
    script(scripts, "x.foo", HEAD + "echo foo $0", 0o644)
    response = CGIFolder(scripts, interpreters={".foo": ["/bin/sh"]})(request("/x.foo"))
    assert content(response) == f"foo {scripts}/x.foo\n".encode()


def test_a_single_script_has_the_whole_path(scripts: Path) -> None:
    path = script(scripts, "x", HEAD + 'echo "$SCRIPT_NAME|$PATH_INFO|$QUERY_STRING"')
    handler = CGIScript(path)
    assert content(handler(request("/a/b?c"))) == b"|/a/b|c\n"
    assert content(handler(request("/git/a%20b", prefix="/git"))) == b"/git|/a b|\n"
    assert content(handler(request("/git", prefix="/git"))) == b"/git||\n"
    assert handler(request("/%zz")).status == 400 and handler(request("/..")).status == 404
    assert CGIScript(scripts / "none")(request("/")).status == 404


def test_head_has_no_body(scripts: Path) -> None:
    script(scripts, "x", "printf 'Content-Type: a/b\\nContent-Length: 5\\n\\n'; echo $REQUEST_METHOD")
    response = CGIFolder(scripts)(request("/x", "HEAD"))
    assert response.body == () and response.headers["content-length"] == "5"
    assert "content-length" not in run_script(scripts, HEAD + "echo 1").headers


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(scripts: Path, status: int) -> None:
    assert content(run_script(scripts, f"printf 'Status: {status}\\nContent-Length: 0\\n\\n'")) == b""


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_any_method_is_the_scripts_business(scripts: Path, method: str) -> None:
    script(scripts, "x", HEAD + "echo $REQUEST_METHOD")
    assert content(CGIFolder(scripts)(request("/x", method))) == method.encode() + b"\n"


def test_trace_is_not(scripts: Path) -> None:
    response = CGIFolder(scripts)(request("/x", "TRACE"))
    assert response.status == 405 and "GET" in response.headers["allow"]


@pytest.mark.parametrize(("path", "status"), [("/none", 404), ("/", 404), ("/data", 403), ("/%zz", 400)])
def test_what_is_not_run(scripts: Path, path: str, status: int) -> None:
    script(scripts, "data", "secret", 0o644)
    response = CGIFolder(scripts)(request(path))
    assert response.status == status and b"secret" not in content(response)


# Local redirects


def test_a_local_redirect_is_answered_here(scripts: Path) -> None:
    script(scripts, "from", "printf 'Location: /cgi/to/x?y=1\\n\\n'")
    script(scripts, "to", HEAD + 'echo "$REQUEST_METHOD|$PATH_INFO|$QUERY_STRING|${CONTENT_LENGTH-}"; cat')
    made = request("/cgi/from", "POST", body=b"abc", prefix="/cgi")
    assert content(CGIFolder(scripts)(made)) == b"GET|/x|y=1|\n"


def test_a_local_redirect_to_elsewhere(scripts: Path) -> None:
    script(scripts, "from", "printf 'Location: /other?z\\n\\n'")

    def site(asked: Request) -> str:
        return f"{asked.method} {asked.path} {asked.query_string} {asked.body!r} {asked.prefix!r}"

    made = request("/cgi/from", "POST", body=b"abc", prefix="/cgi")
    assert CGIFolder(scripts, local=site)(made).body == b"GET /other z b'' ''"
    alone = CGIFolder(scripts)(request("/cgi/from", prefix="/cgi"))
    assert (alone.status, alone.headers["location"]) == (302, "/other?z")


def test_local_redirects_end(scripts: Path) -> None:
    script(scripts, "round", "echo x >> count; printf 'Location: /round\\n\\n'")
    assert CGIFolder(scripts)(request("/round")).status == 502
    assert (scripts / "count").read_text().count("x") == 11


@pytest.mark.parametrize("target", ["/%zz", "/a b"])
def test_a_local_redirect_to_nowhere(scripts: Path, target: str) -> None:
    script(scripts, "x", f"echo 'Location: {target}'; echo")
    assert CGIFolder(scripts)(request("/x")).status == 502
