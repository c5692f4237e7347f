"""The canonical form of a signed request is botocore's, applied to the headers that were signed.

Importing this loads botocore.
"""

from __future__ import annotations

from typing import Any

from botocore.auth import SigV4Auth
from botocore.compat import HTTPHeaders

from orchestrator.api.operations import SIGNING_NAME


class CanonicalForm(SigV4Auth):  # type: ignore[misc]
    """A signer without credentials: it only tells what a signature of this service is about."""

    def __init__(self, region: str) -> None:
        super().__init__(None, SIGNING_NAME, region)

    def headers_to_sign(self, request: Any) -> Any:
        """Exactly the headers that the client says it signed."""
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name] = value
        return headers
