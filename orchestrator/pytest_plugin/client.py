"""AWS clients in a test: our model found by botocore, nothing written to anybody's home."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from orchestrator.api.aws_model import SERVICE_NAME, install_model

_CONFIG: Final = {
    "connect_timeout": 5,
    "read_timeout": 10,
    "retries": {"mode": "standard", "total_max_attempts": 3},
    # A proxy that the environment names is for the internet.
    "proxies": {},
}
# Which profile and which files: none, whatever variables name; another's may be missing or wrong.
# A name for botocore: key in a file, environment variable, value, conversion.
_NOBODYS: Final = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class AwsClients:
    """Makes botocore clients for the service at this URL. ``boto3.client`` gives the same ones."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder

    def models(self) -> Path:
        """The folder for AWS_DATA_PATH; each process has one of its own."""
        own = self._folder / str(os.getpid())
        if not own.exists():
            install_model({"AWS_DATA_PATH": str(own)})
        return own

    def client(self, *, access_key: str, secret: str, region: str, config: dict[str, Any]) -> Any:
        """A client with these credentials, whatever the environment says."""
        from botocore.config import Config  # noqa: PLC0415 - only tests that ask for it

        return self._session.create_client(
            SERVICE_NAME,
            region_name=region,
            endpoint_url=self._url,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret,
            config=Config(**{**_CONFIG, **config}),
        )

    @cached_property
    def _session(self) -> Any:
        from botocore.loaders import Loader  # noqa: PLC0415
        from botocore.session import Session  # noqa: PLC0415

        session = Session(_NOBODYS)
        loader = Loader(extra_search_paths=[str(self.models())])
        session.register_component("data_loader", loader)
        return session
