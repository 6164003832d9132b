"""What the tests of the class tower share."""

from __future__ import annotations

from typing import Any

import pytest

from salver.server import (
    HTTPServer,
    ThreadingHTTPServer,
)
from tests.classes.tower import ANY, Blocking


@pytest.fixture(params=["threads", "one", "blocking", "blocking-one"])
def serve(request: pytest.FixtureRequest) -> Any:
    """Makes a server of a handler class, one way or the other."""

    def make(handler_class: type) -> HTTPServer:
        if request.param.startswith("blocking"):
            handler_class = type("OnTheBlockingWay", (Blocking, handler_class), {})
        server_class = HTTPServer if request.param.endswith("one") else ThreadingHTTPServer
        server = server_class(ANY, handler_class)
        assert server._takes_fast_way() is not request.param.startswith("blocking")
        return server

    return make
