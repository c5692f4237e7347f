"""What a family of buttons must say about itself, and the three things it may read in a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from hardware.click import Click, Ignored, RawFrame, Transport
from hardware.keys import DeviceKey

_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a frame cannot say and a person may have set on the device."""

    switch_modes: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    """Tasmota ``SwitchMode`` by ``topic/SwitchName``, or by ``topic`` for all its switches."""
    zigbee2mqtt_bases: tuple[str, ...] = ("zigbee2mqtt",)
    """Base topics of zigbee2mqtt: what follows one of them is the name, slashes included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A contact is closed or open: no click yet, the host must time it."""

    frame: RawFrame
    family: str
    address: str
    """As in ``Click``; empty when the link says nothing about the sender."""
    closed: bool
    button: str | int | None = None
    held: bool = False
    """The device says that it has been closed for long already."""
    raw: bool = False
    """The contact itself, chatter and all; False when the device has settled it already."""
    edge: bool = True
    """Sent because it changed. False for a state that is also sent now and then."""


Reading = Click | Ignored | Level


class Sender(NamedTuple):
    """Who sent a frame, as the frame says it: what keys are looked up by."""

    namespace: str | None
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family of buttons. Its functions are pure and never raise, whatever the bytes are."""

    name: str
    """Name of the module in ``hardware.families``."""
    transports: tuple[Transport, ...]
    proves: str
    """One sentence for a person: what a frame of this family can prove."""
    matches: Callable[[RawFrame], bool]
    """Whether a frame on one of ``transports`` may be of this family."""
    sender_of: Callable[[RawFrame], Sender | None]
    """Who sent it; None when the frame does not say. Cheap, and needs no key."""
    decode: Callable[[RawFrame, Sequence[DeviceKey], Options], list[Reading]]
    """What a matching frame says, given the keys of its sender. At least one reading."""
