"""The certificate of a server of ours."""

import ssl
from pathlib import Path


class CertificateError(Exception):
    """A certificate can't be used; the message names the files and says why."""


def server_tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """What serves with a certificate chain (PEM) and its private key; None without. Raises `CertificateError`."""
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise CertificateError(f"{certificate} and {key} can't be used: {error.strerror or error}") from None
    return context
