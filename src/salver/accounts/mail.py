"""Letters on their way: what a mailer is given, and the outbox that gives it.

Whoever asks for a letter gets an answer before it is sent. A mail server takes its time, and that time would tell who
has an account here from who has none; so letters are sent by threads of the outbox's own, which begin when there is
something to send, wait until the answer is out, and end with the last letter. What waits is bounded, and so is how many
mailers run at once: one that hangs holds up letters, and nothing else. Nothing here knows an account.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger("salver.accounts")

_THREADS = 4  # that send at once
_WAITING = 1_000  # letters: a few hundred bytes each
_PAUSE = 0.1  # seconds between asking for a letter and sending it
_AT_THE_END = 10.0  # seconds that letters have which wait when the process ends


@dataclass(frozen=True, slots=True)
class Message:
    """A letter. `to`: one address, validated, without line breaks, as its owner wrote it (the host may have letters of
    any script). `subject`: one line. `text`: plain text, its lines ended by a line feed. `text` may have a link in it
    with which a password can be set: do not log it."""

    to: str
    subject: str
    text: str

    def __repr__(self) -> str:
        return "<Message>"  # which may end in a log, where neither an address nor a link belongs


Mailer = Callable[[Message], object]


class Outbox:
    """Safe to use from several threads."""

    def __init__(
        self, mailer: Mailer, *, pause: float = _PAUSE, threads: int = _THREADS, waiting: int = _WAITING
    ) -> None:
        """`mailer` is called from several threads at once. `pause`: seconds before a letter is sent. Starts nothing."""
        self._mailer = mailer
        self._pause = pause
        self._most = threads
        self._waiting = waiting
        self._changed = threading.Condition()
        self._letters: deque[tuple[float, Message | None]] = deque()
        self._running = 0
        self._registered = False

    def post(self, message: Message | None) -> None:
        """Have a letter sent, soon. None is a letter to nobody, which takes the caller as long as any. Never waits for
        a mailer; where too many letters wait, the letter is dropped, and the log says so."""
        with self._changed:
            fits = len(self._letters) < self._waiting
            if fits:
                self._letters.append((time.monotonic() + self._pause, message))
                self._have_them_sent()
        if not fits:
            logger.error("a letter was not sent: %d wait already; does the mailer hang?", self._waiting)

    def _have_them_sent(self) -> None:
        if not self._registered:
            atexit.register(self.close)
            self._registered = True
        if self._running < self._most:  # those that run may all be with a mailer that hangs
            # A daemon: one that hangs must not keep the process from ending. `close` waits for the others.
            thread = threading.Thread(target=self._run, name="salver-mail", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads in this process; the letter waits for one, or for the next
                logger.error("letters wait: %s", error)
            else:
                self._running += 1

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._letters:
                    self._running -= 1
                    self._changed.notify_all()
                    return
                due, message = self._letters.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            if message is not None:
                self._send(message)

    def _send(self, message: Message) -> None:
        try:
            self._mailer(message)
        except BaseException as error:  # also what would end this thread: others wait for it to be counted out
            # Neither the words of the error nor a traceback: mail servers repeat the address, and programs the text.
            code = getattr(error, "smtp_code", None)
            said = type(error).__name__ if not isinstance(code, int) else f"{type(error).__name__} {code}"
            logger.error("a letter was not sent: %s", said)

    def close(self, timeout: float = _AT_THE_END) -> bool:
        """Wait until every letter is sent, or has failed; for `timeout` seconds at most. Returns whether all are."""
        with self._changed:
            done = self._changed.wait_for(lambda: not self._running, timeout)
            if self._registered:
                atexit.unregister(self.close)
                self._registered = False
        return done
