"""`clickclaim claim`: one button, one attempt, its outcome as the exit code."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from orchestrator.cli.app import (
    CANCELLED,
    FAILED,
    TIMED_OUT,
    CommandError,
    new_app,
    run_async,
    usage,
)
from orchestrator.cli.options import (
    AccessKey,
    AsJson,
    Data,
    Service,
    Sources,
    folder_of,
)
from orchestrator.cli.output import note, print_json, say
from orchestrator.cli.screen import Screen
from orchestrator.cli.timeline import attempt_document, print_attempt
from orchestrator.domain.attempts import Attempt
from orchestrator.domain.errors import InvalidRequestError, RefusedError, StoreInUseError
from orchestrator.flow import CleanedUp
from orchestrator.runtime.claiming import Claiming, NothingPressedError
from orchestrator.runtime.reach import EMBEDDED, ServiceUrlError, reach

app = new_app("Claim a button: open the window, wait for the press.")

_TIMEOUT_MAX_S = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What was asked for on the command line."""

    device_id: str | None
    sources: tuple[str, ...]
    service: str
    timeout_s: float
    tags: Mapping[str, str]
    access_key: str | None
    claim_id: str
    profile: Literal["dev", "demo", "production"]
    data: Path
    as_json: bool


@app.command()
def claim(
    device_id: Annotated[
        str | None, typer.Argument(metavar="[DEVICE]", help="Device id, as on the button.")
    ] = None,
    source: Sources = None,
    service: Service = None,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", min=0.1, max=_TIMEOUT_MAX_S, help="Seconds to wait for the press."
        ),
    ] = 120,
    any_: Annotated[
        bool, typer.Option("--any", help="Claim whichever button is pressed twice.")
    ] = False,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="KEY=VALUE", help="Tag to give it. May be repeated."),
    ] = None,
    access_key: AccessKey = None,
    claim_id: Annotated[
        str | None,
        typer.Option("--claim-id", metavar="ID", help="Go on with a claim that was interrupted."),
    ] = None,
    profile: Annotated[
        Literal["dev", "demo", "production"],
        typer.Option("--profile", help="Of the embedded service: which clicks count."),
    ] = "dev",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Claim a button: listen, open the window, wait for the press, finalize.

    Without --service the claim is made by a service of this command's own, on the data folder.
    Exit code 0: claimed. 1: refused or failed. 3: nobody pressed. 130: cancelled.
    """
    sources = tuple(source or ())
    where = service or EMBEDDED
    if (device_id is None) != any_:
        usage(
            "Name a device, or say --any for whichever button is pressed; not both.",
            "clickclaim claim DEVICE --source sim:",
        )
    if not sources and (any_ or where == EMBEDDED):
        usage(
            "Nothing would hear the button: no source is given.",
            f"clickclaim claim {device_id or '--any'} --source sim:",
        )
    wanted = _Wanted(
        device_id=device_id,
        sources=sources,
        service=where,
        timeout_s=timeout,
        tags=_tags(tag or []),
        access_key=access_key,
        claim_id=claim_id or secrets.token_hex(8),
        profile=profile,
        data=folder_of(data),
        as_json=as_json,
    )
    raise SystemExit(run_async(lambda: _claim(wanted)))


def _tags(texts: list[str]) -> dict[str, str]:
    tags = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            usage(f"Tag {text!r} is not KEY=VALUE.", "--tag line=3")
        tags[key] = value
    return tags


async def _claim(wanted: _Wanted) -> int:
    """Run the claim and print how it ended; the exit code."""
    cleaned: list[CleanedUp] = []
    try:
        attempt = await _run(wanted, cleaned)
    except RefusedError as error:
        if isinstance(error, InvalidRequestError):
            raise
        return _print_refused(wanted, error)
    except NothingPressedError as error:
        raise CommandError(str(error), "press the button twice", TIMED_OUT) from None
    except asyncio.CancelledError:
        _print_cancelled(wanted, cleaned)
        raise
    code = _exit_code(attempt)
    if wanted.as_json:
        print_json(attempt_document(attempt, claim_id=wanted.claim_id, exit_code=code))
    else:
        print_attempt(attempt)
    return code


async def _run(wanted: _Wanted, cleaned: list[CleanedUp]) -> Attempt:
    async with AsyncExitStack() as stack:
        try:
            reached = await stack.enter_async_context(
                reach(
                    wanted.service,
                    access_key=wanted.access_key,
                    data=wanted.data,
                    profile=wanted.profile,
                    window_s=int(wanted.timeout_s),
                )
            )
        except ServiceUrlError as error:
            usage(str(error))
        except StoreInUseError as error:
            raise StoreInUseError(
                f"{error} Or claim through that service: --service URL, as its ready line says."
            ) from None
        screen = await stack.enter_async_context(
            Screen(reached.clock, patience_ms=int(wanted.timeout_s * 1000))
        )

        def told(progress: Any) -> None:
            if isinstance(progress, CleanedUp):
                cleaned.append(progress)
            screen.told(progress)

        claiming = Claiming(
            reached=reached,
            specs=wanted.sources,
            claim_id=wanted.claim_id,
            patience_ms=int(wanted.timeout_s * 1000),
            tags=wanted.tags,
            on_progress=told,
            on_state=screen.source,
            on_service=screen.service,
            on_notice=screen.note,
        )
        if wanted.device_id is not None:
            screen.doing(f"claiming {wanted.device_id}")
            return await claiming.claim(wanted.device_id)
        screen.doing("press the button you mean, once")
        return await claiming.claim_any()


def _exit_code(attempt: Attempt) -> int:
    if attempt.outcome == "CLAIMED":
        return 0
    return TIMED_OUT if attempt.outcome == "TIMED_OUT" else FAILED


def _print_refused(wanted: _Wanted, error: RefusedError) -> int:
    if wanted.as_json:
        print_json(
            {
                "deviceId": wanted.device_id,
                "outcome": "REFUSED",
                "reason": str(error),
                "claimId": wanted.claim_id,
                "exitCode": FAILED,
            }
        )
    else:
        say(f"REFUSED {wanted.device_id or 'the claim'}: {error}")
    return FAILED


def _print_cancelled(wanted: _Wanted, cleaned: list[CleanedUp]) -> None:
    attempt = cleaned[-1].attempt if cleaned else None
    if wanted.as_json and attempt is not None:
        print_json(attempt_document(attempt, claim_id=wanted.claim_id, exit_code=CANCELLED))
    elif wanted.as_json:
        print_json({"outcome": None, "claimId": wanted.claim_id, "exitCode": CANCELLED})
    elif attempt is None:
        note("cancelled; nothing was open, or the service did not answer")
    elif attempt.outcome == "CLAIMED":
        note(f"cancelled too late: {attempt.device_id} is claimed")
    else:
        print_attempt(attempt)
