"""From a decoder's click to the claim service's: whose it is, when it came, what vouches for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hardware.click import Click, RawFrame
from orchestrator.domain.addresses import canonical_address, is_bluetooth_address
from orchestrator.domain.errors import InvalidRequestError
from orchestrator.domain.events import ClickHeard, Evidence
from orchestrator.domain.ids import parse_device_id

# Families whose buttons say the device id itself: ours, and the one whose id is its DSN.
_SAY_DEVICE_ID: Final = frozenset({"native", "aws_iot_button"})
# Families whose names a person chooses and may change: each needs an alias, even where the name
# looks like a Bluetooth address.
_SAY_NAME: Final = frozenset({"serial_level", "shelly", "shelly_gen1", "tasmota", "zigbee2mqtt"})

_MADE_UP: Final = ("replay:", "sim:")


def own_device_id(family: str, address: str) -> str | None:
    """The device id that an address is by itself; None when it needs an alias."""
    if family in _SAY_DEVICE_ID:
        try:
            return parse_device_id(address)
        except InvalidRequestError:
            return None
    if family not in _SAY_NAME and is_bluetooth_address(address):
        return canonical_address(address)
    return None


def click_heard(click: Click, *, namespace: str, device_id: str, now_ms: int) -> ClickHeard:
    """The click as the claim service takes it.

    It was received when its bytes were read, which for a frame that waited at a station is some
    time ago; a clock that runs ahead moves nothing into the future.
    """
    frame = click.frame
    return ClickHeard(
        namespace=namespace,
        device_id=device_id,
        click_type=click.click_type,
        received_ms=min(frame.heard_ms, now_ms),
        evidence=Evidence(
            heard_by="station" if frame.direct else "broker",
            authenticated=click.authenticated,
            simulated=is_simulated(frame),
        ),
        source=frame.source,
        family=click.family,
        press_id=click.press_id,
        freshness=click.freshness,
        retained=frame.retained,
        queued_since_ms=_queued_since_ms(frame),
        reported_ms=click.reported_ms,
        remaining_life=click.remaining_life,
        certificate_id=click.certificate_id,
        test_mode=click.test_mode,
    )


def by_own_clock(heard: ClickHeard, own_ms: int, now_ms: int) -> ClickHeard:
    """The click by the clock of a namespace that has its own, which says ``own_ms`` now.

    Contacts bounce and sources queue in real time; but a clock that stands still knows no
    milliseconds between hearing and judging, so the click came now.
    """
    queued_ms = heard.queued_since_ms
    if queued_ms:
        queued_ms = max(0, queued_ms + own_ms - now_ms)
    return replace(heard, received_ms=own_ms, queued_since_ms=queued_ms)


def is_simulated(frame: RawFrame) -> bool:
    """Whether nobody pressed: marked so, or from a source that plays or invents."""
    return frame.simulated or frame.source.startswith(_MADE_UP)


def _queued_since_ms(frame: RawFrame) -> int | None:
    if not frame.queued:
        return None
    # Nothing known of an old connection: it may have waited since ever.
    return frame.last_heard_before_ms or 0
