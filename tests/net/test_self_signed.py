"""A certificate made for the occasion."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from salver.net.certificates import TLSError
from salver.net.self_signed import self_signed
from salver.net.tls import TLSStream
from tests.net.tls_ends import adopted, shake_hands


def names_in(certificates: object, folder: Path) -> list[tuple[str, str]]:
    """What a client sees: the names of the certificate, which it trusts because it was told to."""
    here, there = socket.socketpair()
    server = TLSStream(adopted(here), certificates.current())  # type: ignore[attr-defined]
    shaking = threading.Thread(target=shake_hands, args=(server,))
    shaking.start()
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    with trusting.wrap_socket(there) as client:
        pem = ssl.DER_cert_to_PEM_cert(client.getpeercert(True) or b"")
        shaking.join()  # a server whose client has gone already has no handshake
    server.close()
    path = folder / "seen.pem"
    path.write_text(pem)
    decoded = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]
    return list(decoded["subjectAltName"])


def test_it_names_this_machine_and_what_is_listened_on(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="needs the extra cryptography, which is not installed")
    names = names_in(self_signed(["example.test", "", "fe80::1%eth0"]), tmp_path)
    for expected in (("DNS", "localhost"), ("IP Address", "127.0.0.1"), ("DNS", "example.test")):
        assert expected in names
    assert ("IP Address", "FE80:0:0:0:0:0:0:1") in names


def test_without_cryptography_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(TLSError, match=r'extra "tls": pip install "salver\[tls\]"'):
        self_signed()


def test_nothing_of_it_is_imported_where_it_is_not_wanted() -> None:
    code = "import sys, salver.service.server; print([n for n in ('ssl', 'cryptography') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
