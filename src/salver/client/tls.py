"""TLS for the client: whom to trust, who we are, and the handshake with a deadline.

The system's own store of authorities is used where `truststore` is installed, else OpenSSL's default paths. Nothing
below TLS 1.2; the name is always checked unless `verify=False` was said. A context is made when it is first needed:
reading a store of authorities takes some ten milliseconds.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from typing import Union

from salver.client.errors import ConnectTimedOut, InvalidRequest, TLSFailed
from salver.client.wire import TLSWire

Verify = Union[bool, str, "os.PathLike[str]", ssl.SSLContext]
Cert = Union[str, "os.PathLike[str]", tuple[str, str], tuple[str, str, str], None]


_OTHER_NAME = "it is for another name: is the URL's host the right one?"
_HINTS = {  # by OpenSSL's X509_V_ERR_…
    9: "it is not valid yet: is this machine's clock right?",
    10: "it is over: its owner has to renew it, or this machine's clock is wrong",
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}


class TLSSettings:
    """What `verify` and `cert` mean, as a context. Safe to use from several threads."""

    def __init__(self, verify: Verify = True, cert: Cert = None) -> None:
        """`verify`: True, the system's authorities; a path, those in that file or folder; a context, that one as it
        is; False, nobody is asked who they are. `cert`: our own certificate: one PEM file, or (certificate, key) or
        (certificate, key, password). Raises `InvalidRequest` for a context with a `cert` beside it."""
        if cert is not None and isinstance(verify, ssl.SSLContext):
            raise InvalidRequest("load the certificate into the context that is given as verify, not beside it")
        self._verify = verify
        self._cert = cert
        self._context: ssl.SSLContext | None = verify if isinstance(verify, ssl.SSLContext) else None
        self._making = threading.Lock()

    @property
    def context(self) -> ssl.SSLContext:
        """Made on first use. Raises `TLSFailed` for files that cannot be read."""
        with self._making:
            if self._context is None:
                self._context = _make_context(self._verify, self._cert)
            return self._context

    def secure(self, sock: socket.socket, host: str, seconds: float | None) -> TLSWire:
        """The handshake with `host` on a connected socket, which is the wire's from now on, and closed where it fails.
        Raises `TLSFailed`, `ConnectTimedOut`."""
        try:
            context = self.context
        except BaseException:
            sock.close()
            raise
        try:
            sock.settimeout(seconds)
            name = host.partition("%")[0].rstrip(".")  # RFC 6066 §3: without the dot of the root
            return TLSWire(context.wrap_socket(sock, server_hostname=name, suppress_ragged_eofs=False))
        except TimeoutError:
            sock.close()
            raise ConnectTimedOut(f"the TLS handshake with {host} took too long") from None
        except (OSError, ValueError) as error:
            sock.close()
            raise TLSFailed(explain_failure(host, error)) from error
        except BaseException:
            sock.close()
            raise


def _make_context(verify: Verify, cert: Cert) -> ssl.SSLContext:
    context = _trusting(verify)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if cert is not None:
        files = (os.fspath(cert),) if isinstance(cert, (str, os.PathLike)) else cert
        try:
            context.load_cert_chain(*files)
        except OSError as error:
            raise TLSFailed(f"cannot use the certificate {files[0]}: {error.strerror or error}") from None
    return context


def _trusting(verify: Verify) -> ssl.SSLContext:
    if verify is True:
        return _system_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    path = os.fspath(verify)  # type: ignore[arg-type]
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except OSError as error:
        raise TLSFailed(f"cannot use the authorities in {path}: {error.strerror or error}") from None
    return context


def _system_context() -> ssl.SSLContext:
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):  # OpenSSL's own variables win
        try:
            import truststore
        except ImportError:
            pass
        else:
            return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context()


def explain_failure(host: str, error: Exception) -> str:
    """What went wrong in a handshake with `host`, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = _HINTS.get(error.verify_code, "give its authority with verify=PATH")
        return f"the certificate of {host} is not to be trusted: {error.verify_message.rstrip('.')}; {hint}"
    reason = getattr(error, "reason", None)
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return f"{host} does not speak TLS on this port; is it http:// that is meant?"
    if isinstance(error, (ssl.SSLEOFError, ConnectionError)):
        return f"{host} ended the connection during the TLS handshake"
    return f"the TLS handshake with {host} failed: {reason or error}"
