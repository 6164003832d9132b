"""Certificates: what is wrong with one, in one line; and taking up a new one."""

from __future__ import annotations

import logging
import os
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from salver.net.certificates import Certificates, TLSError, TLSFiles, load_context

Keys = tuple[Path, Path]
MakeKeys = Callable[[str], Keys]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def encrypted(tls_pair: Keys, program: Callable[[str], str], tmp_path: Path) -> Keys:
    """The shared certificate, its key behind the password "sesame"."""
    key = tmp_path / "encrypted.pem"
    command = [program("openssl"), "ec", "-aes256", "-passout", "pass:sesame"]
    subprocess.run([*command, "-in", str(tls_pair[1]), "-out", str(key)], check=True, capture_output=True)
    return tls_pair[0], key


def test_a_certificate_and_its_key_make_a_context(tls_pair: Keys) -> None:
    context = load_context(TLSFiles(*tls_pair))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert not context.options & ssl.OP_NO_TICKET


def test_both_may_be_in_one_file(tls_pair: Keys, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(tls_pair[0].read_bytes() + tls_pair[1].read_bytes())
    load_context(TLSFiles(both))


def test_an_encrypted_key_opens_with_its_password(encrypted: Keys) -> None:
    load_context(TLSFiles(*encrypted, "sesame"))
    assert "sesame" not in repr(TLSFiles(*encrypted, "sesame"))


def test_what_is_wrong_is_said_in_one_line(tls_keys: MakeKeys, tls_pair: Keys, encrypted: Keys, tmp_path: Path) -> None:
    cert, key = tls_pair
    other = tls_keys("other")[1]
    nothing = tmp_path / "no\nthing.pem"
    text = tmp_path / "text.pem"
    text.write_text("no PEM at all")
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    said = {
        TLSFiles(nothing, key): r"cannot read .*no\\nthing.pem: no such file or directory",
        TLSFiles(cert, tmp_path): "cannot read .*: is a directory",
        TLSFiles("a\0b"): "cannot read a.x00b: embedded null byte",
        TLSFiles(cert, other): "the key in .* does not belong to the certificate in .*cert.pem",
        TLSFiles(text, key): "text.pem holds no certificate",
        TLSFiles(cert, text): "text.pem holds no private key",
        TLSFiles(cert): "cert.pem holds no private key",
        TLSFiles(key, key): "key.pem holds no certificate",
        TLSFiles(broken, key): "broken.pem .*cannot be used",
        TLSFiles(*encrypted): "the key in .* is encrypted; give its password",
        TLSFiles(*encrypted, "wrong"): "the key in .* is encrypted; the password is wrong",
        TLSFiles(*encrypted, "x" * 2_000): "is encrypted; the password is wrong",
    }
    for files, pattern in said.items():
        with pytest.raises(TLSError, match=pattern) as caught:
            load_context(files)
        assert "\n" not in str(caught.value)


def test_a_changed_file_is_taken_up_at_the_next_look(tls_keys: MakeKeys) -> None:
    clock = Clock()
    cert, key = tls_keys("first")
    certificates = Certificates(TLSFiles(cert, key), clock=clock)
    first = certificates.current()
    replace((cert, key), tls_keys("second"))
    assert certificates.current() is first, "not looked at within the second"
    clock.now += 1
    second = certificates.current()
    assert second is not first
    clock.now += 1
    assert certificates.current() is second


def test_half_a_renewal_keeps_the_old_one_and_logs_one_line(
    tls_keys: MakeKeys, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    cert, key = tls_keys("first")
    new_cert, new_key = tls_keys("second")
    certificates = Certificates(TLSFiles(cert, key), clock=clock)
    first = certificates.current()
    os.replace(new_cert, cert)
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            clock.now += 1
            assert certificates.current() is first
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [
        "the certificate has changed, and the old one stays in use"
    ]
    os.replace(new_key, key)
    clock.now += 1
    assert certificates.current() is not first


def test_a_file_that_is_gone_keeps_the_old_one(tls_keys: MakeKeys, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    cert, key = tls_keys("first")
    certificates = Certificates(TLSFiles(cert, key), clock=clock)
    first = certificates.current()
    key.unlink()
    clock.now += 1
    assert certificates.current() is first
    assert "no such file" in caplog.text


def test_a_link_that_leads_elsewhere_is_a_change(tls_keys: MakeKeys, tmp_path: Path) -> None:
    clock = Clock()
    live = tmp_path / "live"
    live.symlink_to(tls_keys("first")[0].parent)
    certificates = Certificates(TLSFiles(live / "cert.pem", live / "key.pem"), clock=clock)
    first = certificates.current()
    (tmp_path / "next").symlink_to(tls_keys("second")[0].parent)
    os.replace(tmp_path / "next", live)
    clock.now += 1
    assert certificates.current() is not first


def test_what_is_not_watched_may_go(tls_keys: MakeKeys) -> None:
    clock = Clock()
    cert, key = tls_keys("first")
    certificates = Certificates(TLSFiles(cert, key), watched=False, clock=clock)
    cert.unlink()
    key.unlink()
    clock.now += 10
    assert certificates.current() is certificates.current()


def replace(old: Keys, new: Keys) -> None:
    for there, here in zip(old, new, strict=True):
        os.replace(here, there)
