"""`salver.App`: the app with what its author would otherwise ask a command line for.

It is `salver.app.App`, which knows nothing of servers and folders, and this file brings the two together: `mount` takes
anything, `run` serves, `test_client` asks without a socket.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import salver.app
from salver.adapting import as_any_handler

if TYPE_CHECKING:
    from salver.testing import TestClient

__all__ = ["App", "as_any_handler"]

logger = logging.getLogger("salver.app")


class App(salver.app.App):
    """See `salver.app.App`."""

    def mount(self, prefix: str, handler: Any, *, name: str | None = None, interface: str = "auto") -> None:
        """Have `handler` answer every path at and below `prefix` that no route of this app has: a Handler, another App,
        the path of a folder, a handler class, a WSGI application (`as_any_handler` says what is what).

        `name` and errors as in `salver.app.App.mount`, and those of `as_any_handler`.
        """
        super().mount(prefix, as_any_handler(handler, interface), name=name)

    def run(
        self,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        bind: str | Iterable[str] | None = None,
        debug: bool | None = None,
        **config: Any,
    ) -> None:
        """Serve this app until SIGINT or SIGTERM, and say where on the log; a second signal ends it at once.

        `bind` in the place of host and port: one address or several, as `serve` takes them. `debug` in the place of the
        app's own. `config`: settings by their flat names (`access_log="-"`, `limit_body=…`, `timeout_idle=…`). Where no
        logging is set up, it goes to standard error from INFO on. Raises TypeError for a setting that is none,
        `ListenError` where an address cannot be bound, and for `debug` on one that others can reach.
        """
        from salver.service.server import Server, run_until_signalled
        from salver.service.settings import Settings

        if debug is not None:
            self.debug = debug
        if not logging.getLogger().handlers:
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
        addresses = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        server = Server(self, addresses if bind is None else bind, settings=Settings.of(**config))
        logger.info("Serving on %s (Ctrl-C stops it)", " ".join(server.urls))
        run_until_signalled(server)

    def test_client(self, **settings: Any) -> TestClient:
        """A client that asks this app without a socket; `settings` as `salver.testing.TestClient` takes them."""
        from salver.testing import TestClient

        return TestClient(self, **settings)
