"""`HTTPSServer` and `ThreadingHTTPSServer`, as Python 3.14 has them.

The listening socket stays a plain one, so that a handshake is its connection's own business: on the fast way the
service's, on the blocking way that of the thread that handles the connection. Certificate and key are read when the
server is activated, and anew when their files change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Union

from salver.classes.http_server import HTTPServer
from salver.classes.threads import ThreadingMixIn

if TYPE_CHECKING:
    import os
    import ssl

    from salver.net.certificates import Certificates

Password = Union[str, bytes, bytearray, Callable[[], Union[str, bytes, bytearray]], None]


class HTTPSServer(HTTPServer):
    """`http.server.HTTPSServer`: HTTPS, one request at a time."""

    _certificates: Certificates | None = None

    def __init__(
        self,
        server_address: Any,
        RequestHandlerClass: Any,  # noqa: N803 - the standard library's name
        bind_and_activate: bool = True,
        *,
        certfile: str | os.PathLike[str],
        keyfile: str | os.PathLike[str] | None = None,
        password: Password = None,
        alpn_protocols: Sequence[str] | None = None,
    ) -> None:
        """As `HTTPServer`. `certfile`, `keyfile`, `password`: as `ssl.SSLContext.load_cert_chain` takes them; the
        protocols offered are `["http/1.1"]`, if None.

        Raises RuntimeError for a Python without `ssl`; where the server is activated, FileNotFoundError or another
        OSError for a file that cannot be read, and `ssl.SSLError` for one that cannot be used.
        """
        try:
            import ssl
        except ImportError:
            raise RuntimeError("this Python has no ssl module, and so no HTTPS") from None
        self.ssl = ssl
        self.certfile = certfile
        self.keyfile = keyfile
        self.password = password
        self.alpn_protocols = ["http/1.1"] if alpn_protocols is None else list(alpn_protocols)
        super().__init__(server_address, RequestHandlerClass, bind_and_activate)

    def server_activate(self) -> None:
        """Read certificate and key, and listen."""
        self._certificates = self._read_certificates()
        super().server_activate()

    def _read_certificates(self) -> Certificates:
        from salver.net.certificates import Certificates, TLSError, TLSFiles

        password = self.password() if callable(self.password) else self.password
        if isinstance(password, bytearray):
            password = bytes(password)
        try:
            return Certificates(TLSFiles(self.certfile, self.keyfile, password, tuple(self.alpn_protocols)))
        except TLSError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and not isinstance(cause, self.ssl.SSLError):
                raise type(cause)(cause.errno, str(error), cause.filename) from error
            raise self.ssl.SSLError(str(error)) from error

    def _create_context(self) -> ssl.SSLContext:
        """The context of connections that begin now."""
        certificates = self._served_certificates()
        if certificates is None:
            raise RuntimeError("the server has not been activated: its certificate is not read yet")
        return certificates.current()

    def _served_certificates(self) -> Certificates | None:
        return self._certificates or super()._served_certificates()

    def get_request(self) -> tuple[Any, Any]:
        """Accept one connection, and put TLS around it; its handshake comes with its handler."""
        from salver.classes.tls import secured

        connection, address = super().get_request()
        if isinstance(connection, self.ssl.SSLSocket):  # somebody has wrapped the listening socket, too
            return connection, address
        return secured(connection, self._create_context()), address

    def _is_ours(self, home: type) -> bool:
        return home is HTTPSServer or super()._is_ours(home)


class ThreadingHTTPSServer(ThreadingMixIn, HTTPSServer):
    """`http.server.ThreadingHTTPSServer`: HTTPS, many requests at once, on the crew."""

    daemon_threads = True
