"""Which servers our HTTPS clients trust: the gateway of a claim service, receivers of callbacks."""

from __future__ import annotations

import os
import ssl
from typing import Final

# As the AWS SDKs and CLI have it, which reach the same service at the same address.
BUNDLE: Final = "AWS_CA_BUNDLE"
_OPENSSL: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class AuthoritiesError(Exception):
    """The file of authorities that the environment names cannot be used."""


def trusted() -> ssl.SSLContext:
    """Verifies names and certificates, by the authorities that the environment names.

    ``AWS_CA_BUNDLE`` is a PEM file, and so is ``SSL_CERT_FILE``; ``SSL_CERT_DIR`` is a folder in
    OpenSSL's layout. Each stands alone when it is set, the first before the others. When none is:
    the system's authorities and Mozilla's. Raises AuthoritiesError.
    """
    bundle = os.environ.get(BUNDLE)
    try:
        context = ssl.create_default_context(cafile=bundle or None)
    except OSError as error:
        raise AuthoritiesError(
            f"{BUNDLE} names {bundle}, which cannot be used ({error.strerror or error})."
            " It must be a readable PEM file of the authorities to trust."
        ) from error
    if not bundle and not any(map(os.environ.get, _OPENSSL)):
        # A slim container has no authorities of its own.
        import certifi  # noqa: PLC0415 - only where HTTPS is spoken

        context.load_verify_locations(certifi.where())
    return context


def nobody_trusted() -> ssl.SSLContext:
    """For a client that speaks plain HTTP: to read the authorities takes longer than a claim."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def why_untrusted(error: BaseException | None) -> str:
    """What is wrong with the server's certificate, if that is what an error came from; else ''."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return str(error.verify_message)
        error = error.__cause__ or error.__context__
    return ""
