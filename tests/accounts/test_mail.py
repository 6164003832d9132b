"""The outbox: letters are sent after the answer, by threads that end; a mailer that fails or hangs holds up nothing
else, and nothing of a letter is in the log."""

from __future__ import annotations

import logging
import queue
import smtplib
import threading
import time

import pytest

from salver.accounts.mail import Message, Outbox

LETTER = Message("ada@example.org", "subject", "https://example.org/reset?token=secret")


def threads() -> int:
    return sum(thread.name == "salver-mail" for thread in threading.enumerate())


def test_letters_are_sent_and_the_threads_end() -> None:
    sent: queue.Queue[Message] = queue.Queue()
    outbox = Outbox(sent.put, pause=0)
    for number in range(20):
        outbox.post(Message("ada@example.org", str(number), ""))
    assert outbox.close(30)
    assert sorted(int(sent.get_nowait().subject) for _ in range(20)) == list(range(20))
    outbox.post(LETTER)
    assert sent.get(timeout=30) == LETTER, "closing is no end"
    assert outbox.close(30)


def test_who_posts_does_not_wait_for_a_mailer_that_hangs() -> None:
    go_on, hanging, sent = threading.Event(), threading.Semaphore(0), queue.Queue[Message]()

    def mailer(message: Message) -> None:
        if message.subject == "hangs":
            hanging.release()
            go_on.wait(60)
        sent.put(message)

    outbox = Outbox(mailer, pause=0, threads=2)
    try:
        outbox.post(Message("a@b", "hangs", ""))
        assert hanging.acquire(timeout=30)
        outbox.post(LETTER)
        assert sent.get(timeout=30) == LETTER, "another thread sends it meanwhile"
        outbox.post(Message("a@b", "hangs", ""))
        assert hanging.acquire(timeout=30)
        began = time.monotonic()
        outbox.post(LETTER)
        assert not outbox.close(0.2), "it gives up in time"
        assert time.monotonic() - began < 20
        assert sent.empty()
    finally:
        go_on.set()
    assert outbox.close(30)
    assert sent.qsize() == 3


def test_what_waits_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    go_on, begun, count = threading.Event(), threading.Event(), queue.Queue[Message]()

    def mailer(message: Message) -> None:
        begun.set()
        go_on.wait(60)
        count.put(message)

    outbox = Outbox(mailer, pause=0, threads=1, waiting=3)
    outbox.post(LETTER)
    assert begun.wait(30)
    for _ in range(5):
        outbox.post(LETTER)
    go_on.set()
    assert outbox.close(30)
    assert count.qsize() == 4
    assert caplog.text.count("a letter was not sent: 3 wait already") == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("cannot reach ada@example.org"), "OSError"),
        (smtplib.SMTPRecipientsRefused({"ada@example.org": (550, b"no such user")}), "SMTPRecipientsRefused"),
        (smtplib.SMTPDataError(554, b"ada@example.org token=secret"), "SMTPDataError 554"),
        (RuntimeError(LETTER), "RuntimeError"),
        (SystemExit("ada@example.org"), "SystemExit"),
    ],
)
def test_a_mailer_that_fails_is_logged_without_the_letter(
    caplog: pytest.LogCaptureFixture, error: BaseException, said: str
) -> None:
    def mailer(message: Message) -> None:
        raise error

    outbox = Outbox(mailer, pause=0)
    with caplog.at_level(logging.DEBUG):
        outbox.post(LETTER)
        assert outbox.close(30)
    assert f"a letter was not sent: {said}" in caplog.text
    assert "ada@" not in caplog.text
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_process_without_threads_keeps_its_letters(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def cannot(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    sent: list[Message] = []
    outbox = Outbox(sent.append, pause=0)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot)
        outbox.post(LETTER)
    assert "letters wait: can't start new thread" in caplog.text
    outbox.post(LETTER)
    assert outbox.close(30)
    assert len(sent) == 2


def test_a_letter_to_nobody_is_not_sent() -> None:
    sent: list[Message] = []
    outbox = Outbox(sent.append, pause=0)
    outbox.post(None)
    assert outbox.close(30)
    assert sent == []


def test_the_answer_goes_first() -> None:
    sent: queue.Queue[float] = queue.Queue()
    outbox = Outbox(lambda message: sent.put(time.monotonic()), pause=0.2)
    posted = time.monotonic()
    outbox.post(LETTER)
    assert sent.get(timeout=30) >= posted + 0.2
    assert outbox.close(30)


def test_nothing_begins_before_the_first_letter() -> None:
    before = threads()
    Outbox(print)
    assert threads() == before


def test_a_letter_shows_nothing_of_itself() -> None:
    assert repr(LETTER) == "<Message>"
