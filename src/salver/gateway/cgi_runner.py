"""A request through a script: the body goes in, a head comes out, and the rest follows as it is pulled.

    have the body begun → wait for a free place → start → feed → head → a whole answer, or a body to pull

Whoever serves others hands over before it waits, but for a short while in which most scripts end (`cgi_turns.py`).

What fails before a byte has left is an answer (502, 503, 504); what fails later aborts the connection, so that nobody
takes half an answer for a whole one. An exit code is not a failure: the codes of scripts mean too many things (git's
own programs end with 128 after a shallow clone that went well). A signal is.
"""

from __future__ import annotations

import errno
import logging
import os
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple

from salver.gateway.cgi_audience import ClientGone
from salver.gateway.cgi_complaints import printable
from salver.gateway.cgi_environment import EnvironmentMaker
from salver.gateway.cgi_head import BadHead, KnownHeads, ScriptHead, find_end
from salver.gateway.cgi_lookup import Script, is_python, python_command
from salver.gateway.cgi_process import Child, NotBounded
from salver.gateway.cgi_run import Hung, Run
from salver.gateway.cgi_settings import CGISettings
from salver.gateway.cgi_turns import Turns
from salver.handler import DeclaredSite
from salver.problem import problem
from salver.protocol.framing import CHUNKED
from salver.protocol.heads import RequestHead
from salver.request import Request, RequestBodyError
from salver.response import Response

logger = logging.getLogger("salver.cgi")

_PIECE = 65_536
# How long an answer is waited for to be whole, so that it goes out in one piece and with its length; what takes
# longer is streamed from then on.
_GATHER = 0.005
# Seconds that others wait behind a script which began where no thread is left to wait for it; and between two looks
# for one. An overseer looks every 5 ms.
_HOLD, _HOLD_STEP = 0.25, 0.01
_UNANSWERED = 499  # for the log, as nginx has it
_BODILESS = frozenset((204, 304))
_BLOCKS = DeclaredSite("a script", blocking=True)  # where no thread may block, it waits for one
_AT_THE_MOMENT = frozenset((errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM))


class ScriptFailed(OSError):
    """A script broke off within its body. An OSError, and logged by whoever raises it: the connection is reset."""


class Redirected(Request):
    """The request that a local redirect makes of another one (RFC 3875 §6.2.2): GET, the same fields, no body."""

    __slots__ = ("redirects",)

    def __init__(self, original: Request, target: str) -> None:
        """`target`: a path and perhaps a query, with no control character or blank in it."""
        super().__init__(RequestHead("GET", target, original.head.section), original._exchange, b"")
        self.redirects = redirects_of(original) + 1


def redirects_of(request: Request) -> int:
    """How many local redirects lie behind a request."""
    return request.redirects if isinstance(request, Redirected) else 0


class _Input(NamedTuple):
    """What a script will read: `file` itself where the body was spooled, else `first` and then `rest`."""

    length: int | None = None
    file: BinaryIO | None = None
    first: bytes = b""
    rest: BinaryIO | None = None


class Runner:
    """Runs scripts, not more at once than the settings allow. Safe to use from several threads."""

    __slots__ = ("__weakref__", "_environments", "_heads", "_living", "_places", "_settings", "_turns")

    def __init__(self, settings: CGISettings) -> None:
        self._settings = settings
        self._environments = EnvironmentMaker(settings)
        self._heads = KnownHeads()
        self._turns = Turns()
        self._places = threading.BoundedSemaphore(settings.max_running)
        self._living: set[Child] = set()
        weakref.finalize(self, _kill_all, self._living)  # at the latest when the interpreter ends

    def run(self, request: Request, script: Script) -> Response | str:
        """The script's answer; a str is the target of a local redirect. Blocks, and hands over before it does so for
        more than two milliseconds.

        Raises `RequestBodyError` where the request's body cannot be had.
        """
        length = _length(request)
        if length is not None and length > self._settings.max_body:
            return problem(request, 413, f"a body may have {self._settings.max_body} bytes here")
        # A body may have to be waited for, and a request that has one is not to be begun twice.
        makes_way = self._turns.make_way(request.client, script.path) or length is not None
        if makes_way:
            request.enter(_BLOCKS)
            if not request.hand_over():
                return _busy(request)
        try:
            given = self._input(request, length)
        except RequestBodyError:
            raise
        except OSError as error:
            logger.error("a request body could not be kept: %s", error)
            return problem(request, 507, "there is no room for the body")
        if not self._has_place(request):
            return _busy(request)
        started = self._start(request, script, given)
        return started if isinstance(started, Response) else self._converse(request, script, started, given)

    def _has_place(self, request: Request) -> bool:
        places = self._places
        return places.acquire(blocking=False) or (
            request.hand_over() and places.acquire(timeout=self._settings.max_wait)
        )

    # Input

    def _input(self, request: Request, length: int | None) -> _Input:
        """The beginning of the body, before a script is started for it: who sends slowly keeps none waiting. A body
        whose length is not known is had in full, for a script is told it beforehand (RFC 3875 §4.1.2)."""
        if length is None:
            return _Input()
        stream = request.stream()
        if length != CHUNKED:
            first = stream.read(min(length, _PIECE))
            return _Input(length, None, first, stream if length > len(first) else None)
        file = tempfile.TemporaryFile(prefix="salver-cgi-")  # noqa: SIM115 - the script reads it
        length = 0
        try:
            while data := stream.read(_PIECE):
                length += len(data)
                if length > self._settings.max_body:
                    raise RequestBodyError(413, f"a body may have {self._settings.max_body} bytes here")
                file.write(data)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return _Input(length, file)

    # The start

    def _start(self, request: Request, script: Script, given: _Input) -> Run | Response:
        environment = self._environments.make(request, script, given.length)
        try:
            try:
                return self._begin(script.command, environment, script, given)
            except OSError as error:
                if error.errno != errno.ENOEXEC or not is_python(script.path):
                    raise
                # A run bit, and no "#!" line
                return self._begin(python_command(script.path), environment, script, given)
        except NotBounded as error:
            logger.error("%s: cannot be bounded, and is not run: %s", _shown(script), error)
            return problem(request, 500)
        except OSError as error:
            self._places.release()
            logger.error("%s: cannot be started: %s", _shown(script), error)
            return _busy(request) if error.errno in _AT_THE_MOMENT else problem(request, 500)
        finally:
            if given.file is not None:
                given.file.close()

    def _begin(self, command: tuple[str, ...], environment: dict[bytes, bytes], script: Script, given: _Input) -> Run:
        if given.file is not None:
            return self._run_with(command, environment, script, given.file.fileno())
        if given.length:
            return self._run_with(command, environment, script, None)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self._run_with(command, environment, script, nothing)
        finally:
            os.close(nothing)

    def _run_with(
        self, command: tuple[str, ...], environment: dict[bytes, bytes], script: Script, stdin: int | None
    ) -> Run:
        run = Run(command, environment, self._settings, stdin=stdin, name=_shown(script), bury=self._bury)
        self._living.add(run.child)
        return run

    def _bury(self, child: Child) -> None:
        self._living.discard(child)
        self._places.release()

    # The answer

    def _converse(self, request: Request, script: Script, run: Run, given: _Input) -> Response | str:
        """Feed, and take the answer as far as it is to be had at once. Ends the run, unless its body is yet to come."""
        answer: Response | str | None = None
        try:
            if given.first:
                run.feed(given.first, given.rest)
            answer = self._answer(request, script, run)
        except ClientGone:
            logger.debug("%s: the client went away before it was answered", _shown(script))
            answer = Response(b"", _UNANSWERED)
        except Hung as error:
            logger.warning("%s: %s", _shown(script), error)
            answer = problem(request, 504, "The script did not answer in time.")
        except BadHead as error:
            logger.warning("%s: %s", _shown(script), error)
            answer = problem(request, 502, "The script did not answer as it should.")
        finally:
            if not (isinstance(answer, Response) and isinstance(answer.body, ScriptBody)):
                run.end()
        return answer

    def _answer(self, request: Request, script: Script, run: Run) -> Response | str:
        if not self._ends_at_once(run, script) and not _may_wait(request, run):
            return _busy(request)
        if not run.ended:
            run.watch(request.exchange.watch_client())
        run.wait_for(_GATHER, _PIECE)
        head = self._read_head(run)
        if head.local is not None:
            return head.local
        run.wait_for(_GATHER, _PIECE)
        if request.method == "HEAD" or head.status in _BODILESS:
            # No bytes, rather than none: a Content-Length of 0 would speak of GET's answer.
            return _response(head, (), head.length if head.status != 204 else None)
        if not run.held.length:
            run.wait_for_more()  # the first bytes: until then there can be another answer
        if run.ended:
            _check_end(run)
            if run.held.length <= 2 * _PIECE:
                return _response(head, _whole(run, head, _shown(script)), None)
        return _response(head, ScriptBody(run, request.hand_over, _shown(script)), head.length)

    def _ends_at_once(self, run: Run, script: Script) -> bool:
        turns, ended = self._turns, False
        turns.began(run)
        try:
            ended = run.give_head_start()
        finally:
            turns.grown(run, script.path, ended=ended)
        return ended

    def _read_head(self, run: Run) -> ScriptHead:
        most = self._settings.max_head
        while True:
            end = find_end(run.held.beginning[:most])
            if end:
                return self._heads.parse(run.held.take(end))
            if run.held.length >= most:
                raise BadHead(f"its head has more than {most} bytes")
            if not run.ended:
                run.wait_for_more()
            elif run.exit_code is not None and run.exit_code < 0:
                raise BadHead(f"it was ended by signal {-run.exit_code} before it gave a head")
            else:
                raise BadHead("it ended without giving a head")


class ScriptBody:
    """The body of a script that is still at work. Pulled by one thread at a time; `close` lets go of the script."""

    __slots__ = ("_hand_over", "_name", "_run")

    def __init__(self, run: Run, hand_over: Callable[[], bool], name: str) -> None:
        self._run = run
        self._hand_over = hand_over
        self._name = name

    def __iter__(self) -> ScriptBody:
        return self

    def __next__(self) -> bytes:
        """The next bytes, waiting for them; raises `ScriptFailed` where the script broke off or is silent, and
        `RequestBodyError` where the client has gone."""
        run = self._run
        try:
            data = run.held.take()
            if not data and not run.ended:
                run.wait_for_more(self._hand_over)
                data = run.held.take()
            if data:
                return data
            _check_end(run)
        except (Hung, BadHead) as error:
            logger.warning("%s: within its body, %s", self._name, error)
            raise ScriptFailed(str(error)) from None
        except ClientGone:
            raise RequestBodyError(400, "the client went away") from None
        self.close()
        raise StopIteration

    def close(self) -> None:
        """The body is gone, or nobody wants it any more. Does not wait."""
        self._run.end()


def _may_wait(request: Request, run: Run) -> bool:
    """Hand over, where the head start was not enough. Where every thread is taken, hold on for a little: one may come
    back, or the overseer, which has some in reserve, takes the others off us. The script has begun, so that the request
    cannot be put off as one can that has not."""
    until = time.monotonic() + _HOLD
    while not request.hand_over():
        if run.wait_for(_HOLD_STEP, _PIECE) or run.held.length >= _PIECE:
            return True
        if time.monotonic() >= until:
            return False
    return True


def _check_end(run: Run) -> None:
    if run.exit_code is not None and run.exit_code < 0:
        raise BadHead(f"it was ended by signal {-run.exit_code}")


def _whole(run: Run, head: ScriptHead, name: str) -> bytes:
    """The body of a script that has ended. Raises `BadHead` where it is less than was promised."""
    pieces = []
    while data := run.held.take():
        pieces.append(data)
    body = b"".join(pieces)
    if head.length is not None and len(body) != head.length:
        if len(body) < head.length:
            raise BadHead(f"it promised {head.length} bytes and gave {len(body)}")
        logger.warning("%s: promised %d bytes and gave %d; they were cut", name, head.length, len(body))
        body = body[: head.length]
    return body


def _response(head: ScriptHead, body: bytes | ScriptBody | tuple[()], length: int | None) -> Response:
    response = Response(body, head.status, head.fields, reason=head.reason)
    if length is not None:
        response.headers["Content-Length"] = str(length)
    return response


def _length(request: Request) -> int | None:
    """The body's length in bytes, CHUNKED, or None for no body."""
    if isinstance(request, Redirected):
        return None
    length = request.head.section.body_length
    return length or (0 if "content-length" in request.headers else None)


def _shown(script: Script) -> str:
    return printable(script.path)


def _busy(request: Request) -> Response:
    return problem(request, 503, "Too much is going on here at the moment.", [("Retry-After", "1")])


def _kill_all(living: Iterable[Child]) -> None:
    for child in list(living):
        child.kill_now()
