"""`SMTPMailer` with a mail server on loopback: what is sent, over what, and what is refused before a word of it."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from salver.accounts.mail import Message
from salver.accounts.smtp import SMTPMailer
from tests.accounts.mail_server import MailServer

LETTER = Message(
    "ada@example.org", "Notebook: a subject", "Hello.\n\nhttps://example.org/reset?token=" + "a1" * 32 + "\n"
)
SENDER = "no-reply@example.org"


@pytest.fixture
def trusted(tls_pair: tuple[Path, Path]) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(a server's, a client's that trusts it)."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*tls_pair)
    return server, ssl.create_default_context(cafile=str(tls_pair[0]))


def test_a_letter_arrives_as_it_was_written() -> None:
    with MailServer() as server:
        SMTPMailer(f"smtp://127.0.0.1:{server.port}", sender=f"The Notebook <{SENDER}>")(LETTER)
        letter = server.take()
    assert (letter.sender, letter.to) == (SENDER, "ada@example.org")
    assert letter.text == LETTER.text
    message = letter.message
    assert (message["From"], message["To"]) == (f"The Notebook <{SENDER}>", "ada@example.org")
    assert message["Subject"] == LETTER.subject
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.org>")
    assert message["Date"]
    assert letter.raw.isascii()


def test_letters_in_chinese_and_to_hosts_of_any_script() -> None:
    with MailServer() as server:
        mailer = SMTPMailer(f"smtp://127.0.0.1:{server.port}", sender=SENDER)
        mailer(Message("ada@bücher.example", "设置新密码", "您好。\n.\n..\n"))
        letter = server.take()
        assert letter.to == "ada@xn--bcher-kva.example"
        assert (letter.message["Subject"], letter.text) == ("设置新密码", "您好。\n.\n..\n")
        assert letter.raw.isascii()
        mailer(Message("用户@例子.中国", "s", "t\n"))
        assert server.take().to == "用户@xn--fsqu00a.xn--fiqs8s"


@pytest.mark.parametrize("implicit", [True, False])
def test_a_password_goes_over_tls(trusted: tuple[ssl.SSLContext, ssl.SSLContext], implicit: bool) -> None:
    with MailServer(tls=trusted[0], implicit=implicit, login=("ada", "p@ss:w/rd")) as server:
        url = f"{'smtps' if implicit else 'smtp'}://ada:p%40ss%3Aw%2Frd@127.0.0.1:{server.port}"
        SMTPMailer(url, sender=SENDER, context=trusted[1])(LETTER)
        assert server.take().text == LETTER.text
        other = SMTPMailer(url, sender=SENDER, context=trusted[1], password="another one")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            other(LETTER)
        words = [line.split()[0] for line in server.said]
        assert implicit or words.index(b"STARTTLS") < words.index(b"AUTH")


@pytest.mark.parametrize("implicit", [True, False])
def test_a_server_that_nobody_vouches_for_gets_nothing(
    trusted: tuple[ssl.SSLContext, ssl.SSLContext], implicit: bool
) -> None:
    with MailServer(tls=trusted[0], implicit=implicit) as server:
        url = f"{'smtps' if implicit else 'smtp'}://ada:secret@127.0.0.1:{server.port}"
        with pytest.raises(ssl.SSLCertVerificationError):
            SMTPMailer(url, sender=SENDER)(LETTER)
    assert b"AUTH" not in b"".join(server.said)


def test_without_starttls_nothing_is_sent_but_to_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    with MailServer() as server:
        monkeypatch.setattr("salver.accounts.smtp.is_loopback_host", lambda host: False)
        with pytest.raises(smtplib.SMTPNotSupportedError):
            SMTPMailer(f"smtp://ada:secret@127.0.0.1:{server.port}", sender=SENDER)(LETTER)
    assert {line.split()[0] for line in server.said} <= {b"ehlo", b"EHLO", b"QUIT", b"quit"}


@pytest.mark.parametrize("word", ["MAIL", "RCPT", "DATA"])
def test_what_the_server_refuses_is_raised(word: str) -> None:
    with MailServer(refuses=word) as server:
        with pytest.raises(smtplib.SMTPException):
            SMTPMailer(f"smtp://127.0.0.1:{server.port}", sender=SENDER)(LETTER)
        assert server.letters.empty()


def test_a_server_that_says_a_byte_now_and_then_is_left_in_time() -> None:
    """Each byte comes within the time-out; the whole does not."""
    with MailServer(drips=True) as server:
        began = time.monotonic()
        with pytest.raises((OSError, smtplib.SMTPException)):
            SMTPMailer(f"smtp://127.0.0.1:{server.port}", sender=SENDER, timeout=0.5)(LETTER)
        assert 0.4 <= time.monotonic() - began < 20


def test_a_server_that_is_not_there_is_an_oserror() -> None:
    with socket.socket() as held:  # bound, so that nobody else listens there, and not listening
        held.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="refused"):
            SMTPMailer(f"smtp://127.0.0.1:{held.getsockname()[1]}", sender=SENDER)(LETTER)


@pytest.mark.parametrize(
    "url",
    [
        "", "mail.example", "http://mail.example", "smtp://", "smtps://:465", "smtp://u:secret@mail.example:port",
        "smtp://u:secret@mail.example:99999", "smtp://u:secret@mail.example/path", "smtp://u:secret@[::1",
        "smtp://u:secret@mail.example?x=1", "smtp://u:secret@ma\u2100il.example",
    ],
)  # fmt: skip
def test_what_is_no_mail_server_is_said_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="smtps://") as caught:
        SMTPMailer(url, sender=SENDER)
    assert "secret@" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("sender", ["", "nobody", "a@b@c", "a@b\r\nBcc: c@d", "x\r\ny <a@b>", "a@", "<>", "a@b, c@d"])
def test_what_is_no_sender(sender: str) -> None:
    with pytest.raises(ValueError, match="letters cannot come from"):
        SMTPMailer("smtp://localhost", sender=sender)


def test_its_password_is_not_shown() -> None:
    assert repr(SMTPMailer("smtps://ada:secret@mail.example", sender=SENDER)) == "<SMTPMailer mail.example:465>"


@pytest.mark.parametrize("subject", ["a\r\nBcc: eve@example.org", "a\nb", "a\rb"])
def test_a_subject_of_two_lines_is_refused(make_letter: Callable[[str], Message], subject: str) -> None:
    with MailServer() as server:
        with pytest.raises(ValueError, match=r"linefeed|carriage|line"):
            SMTPMailer(f"smtp://127.0.0.1:{server.port}", sender=SENDER)(make_letter(subject))
        assert server.said == []


@pytest.fixture
def make_letter() -> Callable[[str], Message]:
    return lambda subject: Message("ada@example.org", subject, "text\n")
