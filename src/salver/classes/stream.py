"""The request handlers of `socketserver`: setup, handle, finish, around a connected socket.

Where the request is not a socket but a `Link`, nothing is set up and nothing handled: the class has chosen the fast
way (`adapter.py`), and its instance is called back request by request. This file knows no HTTP.
"""

from __future__ import annotations

import socketserver as _std
from typing import Any, ClassVar, Protocol, runtime_checkable

from salver.classes.tutorial import TutorialStream


@runtime_checkable
class Link(Protocol):
    """What stands in the socket's place on the fast way: it wants to know the instance, which does nothing yet."""

    def adopt(self, handler: Any, client_address: Any, server: Any) -> None:
        """`handler` is the one for this connection."""


class BaseRequestHandler(_std.BaseRequestHandler):
    """`socketserver.BaseRequestHandler`."""

    def __init__(self, request: Any, client_address: Any, server: Any) -> None:
        """Handle the request, all of it, before this returns.

        The order is the standard library's. A subclass that names its own arguments otherwise (server, request,
        client_address) and hands them up by those names still works: they are told apart by what they are.
        """
        request, client_address, server = _in_order(request, client_address, server)
        adopt = getattr(type(request), "adopt", None)
        if adopt is None:
            # Not super(): the standard library's classes between here and there take other arguments.
            _std.BaseRequestHandler.__init__(self, request, client_address, server)
        else:
            adopt(request, self, client_address, server)


def _in_order(*given: Any) -> tuple[Any, Any, Any]:
    request, client_address, server = given
    if server is None or isinstance(server, _std.BaseServer) or hasattr(type(request), "adopt"):
        return request, client_address, server
    links = [each for each in given if hasattr(type(each), "adopt")]
    servers = [each for each in given if isinstance(each, _std.BaseServer)]
    if len(links) == 1:  # mounted on a server that is no class of ours; an address is a tuple
        request = links[0]
        others = sorted((each for each in given if each is not request), key=lambda each: not isinstance(each, tuple))
        return request, others[0], others[1]
    if len(servers) != 1:
        return request, client_address, server  # not what we know: as they came
    others = [each for each in given if each is not servers[0]]
    others.sort(key=lambda each: not hasattr(each, "close"))  # the socket first
    return others[0], others[1], servers[0]


class StreamRequestHandler(TutorialStream, BaseRequestHandler, _std.StreamRequestHandler):
    """`socketserver.StreamRequestHandler`, with a time-out: no client holds a thread for ever by saying nothing."""

    timeout: ClassVar[float | None] = 300.0  # seconds that one read or write may take; None for no end


class DatagramRequestHandler(BaseRequestHandler, _std.DatagramRequestHandler):
    """`socketserver.DatagramRequestHandler`."""
