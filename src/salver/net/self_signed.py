"""A certificate made for the occasion, for trying HTTPS out on this machine or in this network: nobody vouches for it,
and browsers say so. The one file that needs the extra `cryptography`, imported when it is used.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import tempfile
from collections.abc import Iterable
from typing import TYPE_CHECKING

from salver.net.certificates import Certificates, TLSError, TLSFiles
from salver.net.machine import own_addresses

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["self_signed"]

_DAYS = 90
_ALWAYS = ("localhost", "127.0.0.1", "::1")


def self_signed(hosts: Iterable[str] = ()) -> Certificates:
    """A certificate for this machine's loopback names and `hosts`, names or addresses; "", "0.0.0.0" and "::" stand for
    all that the machine has. ECDSA on P-256, good for 90 days. Its key never leaves this process: the file that OpenSSL
    wants to read it from is gone when this returns. Raises `TLSError` where `cryptography` is not installed.
    """
    pem = _make(_names(hosts))
    with tempfile.TemporaryDirectory(prefix="salver-tls-") as folder:  # 0700
        path = os.path.join(folder, "self-signed.pem")
        with open(path, "wb") as file:
            file.write(pem)
        return Certificates(TLSFiles(path), watched=False)


def _names(hosts: Iterable[str]) -> list[str]:
    names = list(_ALWAYS)
    for host in hosts:
        if host in ("", "0.0.0.0", "::"):
            names += own_addresses(socket.AF_INET) + own_addresses(socket.AF_INET6)
        else:
            names.append(host.partition("%")[0])  # a zone (RFC 4007 §11) is this machine's own
    return list(dict.fromkeys(names))


def _make(names: list[str]) -> bytes:
    """Certificate and key, in PEM."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError as error:
        raise TLSError(
            'a certificate of its own needs the extra "tls": pip install "salver[tls]", or give --tls-cert'
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Salver, self-signed")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem: bytes = certificate.public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
