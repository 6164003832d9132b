"""HTTPS by the command line: files, a password, a certificate of its own, workers, and what is wrong in one line."""

from __future__ import annotations

import re
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from salver.cli import main
from tests.net.tls_ends import client_context

Keys = tuple[Path, Path]


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """The command, running; its address."""
    command = [sys.executable, "-m", "salver", "-p", "0", "--no-access-log", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            yield next(line.strip() for line in lines if "://" in line)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=20)
            assert (process.returncode, said) == (0, "")
        finally:
            process.kill()


def read(url: str, context: ssl.SSLContext) -> bytes:
    with urllib.request.urlopen(url, timeout=10, context=context) as response:
        data: bytes = response.read()
        return data


def test_a_folder_over_https(tls_pair: Keys, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("over TLS")
    cert, key = map(str, tls_pair)
    with serving(str(tmp_path), "--tls-cert", cert, "--tls-key", key) as url:
        assert re.fullmatch(r"https://127\.0\.0\.1:\d+/", url)
        assert read(f"{url}a.txt", client_context(tls_pair[0])) == b"over TLS"


def test_a_password_is_read_from_its_file(tls_pair: Keys, tmp_path: Path, program: Callable[[str], str]) -> None:
    key = tmp_path / "key.pem"
    command = [program("openssl"), "ec", "-aes256", "-passout", "pass:sesame"]
    subprocess.run([*command, "-in", str(tls_pair[1]), "-out", str(key)], check=True, capture_output=True)
    password = tmp_path / "password"
    password.write_text("sesame\n")
    arguments = ["--tls-cert", str(tls_pair[0]), "--tls-key", str(key), "--tls-password-file", str(password)]
    (tmp_path / "served").mkdir()
    with serving(str(tmp_path / "served"), *arguments) as url:
        assert b"<html" in read(url, client_context(tls_pair[0]))


def test_workers_take_each_others_tickets(tls_pair: Keys, tmp_path: Path) -> None:
    import socket

    cert, key = map(str, tls_pair)
    context = client_context(tls_pair[0], "TLSv1.2")  # whose ticket comes with the handshake
    with serving(str(tmp_path), "--workers", "2", "--tls-cert", cert, "--tls-key", key) as url:
        port = int(url.rpartition(":")[2].strip("/"))
        session = None
        for number in range(12):
            plain = socket.create_connection(("127.0.0.1", port), timeout=10)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as client:
                assert bool(client.session_reused) == (number > 0)
                session = client.session


def test_a_certificate_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="needs the extra cryptography, which is not installed")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with serving(str(tmp_path), "--tls-self-signed") as url:
        assert b"<html" in read(url, context)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tls-cert", "none.pem"], "cannot read none.pem: no such file or directory"),
        (["--tls-key", "key.pem"], "--tls-key and --tls-password-file need --tls-cert; give the certificate, too"),
        (
            ["--tls-self-signed", "--tls-cert", "cert.pem"],
            "--tls-self-signed makes its own certificate and key; leave the other --tls options out",
        ),
        (
            ["--tls-cert", "cert.pem", "--tls-password-file", "none"],
            "cannot read the password file none: no such file or directory",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["-p", "0", *arguments]) == 2
    assert capsys.readouterr().err == f"salver: {said}\n"


def test_keys_that_do_not_belong_together(
    tls_pair: Keys, tls_keys: Callable[[str], Keys], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cert, other = str(tls_pair[0]), str(tls_keys("other")[1])
    assert main([str(tmp_path), "-p", "0", "--tls-cert", cert, "--tls-key", other]) == 2
    assert capsys.readouterr().err == (f"salver: the key in {other} does not belong to the certificate in {cert}\n")
