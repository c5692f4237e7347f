"""Options that several commands have, so that they mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.app import usage
from orchestrator.domain.ids import DEFAULT_NAMESPACE
from orchestrator.runtime.folder import default_data_folder

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Data folder. Default: $CLICKCLAIM_DATA, else your user's own.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Namespace = Annotated[
    str, typer.Option("--namespace", metavar="NAME", help="Namespace of the devices.")
]
Service = Annotated[
    str | None,
    typer.Option(
        "--service",
        metavar="URL",
        envvar="CLICKCLAIM_SERVICE",
        help="Address of a claim service, as `serve` prints it.",
        show_default=False,
    ),
]
AccessKey = Annotated[
    str | None,
    typer.Option(
        "--access-key",
        metavar="ID",
        envvar="AWS_ACCESS_KEY_ID",
        help="Access key of the caller; its secret is read from AWS_SECRET_ACCESS_KEY."
        " The dev and demo profiles need none.",
        show_default=False,
    ),
]
Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="SPEC",
        help="Where to listen: serial:/dev/ttyACM0, ble:, mqtt://HOST/, replay:FILE, sim:."
        " May be given several times.",
        show_default=False,
    ),
]

DEFAULT: str = DEFAULT_NAMESPACE


def folder_of(data: Path | None) -> Path:
    """The data folder that is meant."""
    return default_data_folder() if data is None else data


def is_same_file(one: Path, other: Path) -> bool:
    """Both name one file that is there, in whatever way: writing one would lose the other."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def check_broker_url(url: str) -> None:
    """End with a usage error when this is no broker's URL, before anything is tried."""
    from firmware_sim.links.errors import LinkError
    from firmware_sim.links.mqtt_url import parse_mqtt_url

    try:
        parse_mqtt_url(url)
    except LinkError as error:
        usage(f"--mqtt: {error}.")
