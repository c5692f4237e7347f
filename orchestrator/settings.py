"""Profiles, windows and policies: plain values, with the reason for each number."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

Profile = Literal["dev", "demo", "production"]
PROFILES: Final = ("dev", "demo", "production")

# Two minutes: time to walk to the button, and what users know from Wi-Fi Protected Setup, whose
# push button also waits two minutes.
CLAIM_WINDOW_S: Final = 120
# Matter's commissioning window and WPS both lie in this range.
CLAIM_WINDOW_MIN_S: Final = 10
CLAIM_WINDOW_MAX_S: Final = 15 * 60
# An AWS IoT Button needs about 10 s from press to message; an operator needs time to look.
FINALIZE_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickPolicy:
    """Which clicks may claim."""

    claim_click_type: str | None = None
    """SINGLE, DOUBLE or LONG when only that one counts; None for each of them."""
    want_evidence: bool = False
    """Take only what is authenticated or heard by a station's own driver."""
    take_simulated: bool = True
    late_ms: int = CLAIM_WINDOW_S * 1000
    """How long after a window a click is still told LATE rather than NO_CLAIM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one service behaves. ``for_profile`` gives each profile's values."""

    profile: Profile = "dev"
    region: str = "us-west-2"
    claim_window_s: int = CLAIM_WINDOW_S
    finalize_s: int = FINALIZE_S
    clicks: ClickPolicy = field(default_factory=ClickPolicy)
    register_on_initiate: bool = True
    """An unknown device is registered when somebody initiates a claim of it."""
    trust_any_key: bool = True
    """Any access key is an account of its own, its signature unchecked; no key at all is too."""
    callback_hosts: tuple[str, ...] = ()
    """Hosts to which click and health callbacks may be posted; none by default."""
    events_kept_days: int = 400
    unknown_devices_kept: int = 10_000
    requests_per_s: int | None = None
    """Limit for each account and operation; None for no limit. The published service had 10."""

    def __post_init__(self) -> None:
        if not CLAIM_WINDOW_MIN_S <= self.claim_window_s <= CLAIM_WINDOW_MAX_S:
            raise ValueError(
                f"claim_window_s is {self.claim_window_s};"
                f" choose {CLAIM_WINDOW_MIN_S} to {CLAIM_WINDOW_MAX_S} seconds"
            )

    @property
    def claim_window_ms(self) -> int:
        """The window in milliseconds."""
        return self.claim_window_s * 1000

    @property
    def finalize_ms(self) -> int:
        """What a matched click leaves at least, in milliseconds."""
        return self.finalize_s * 1000


def for_profile(profile: Profile) -> Settings:
    """The settings of a profile: ``production`` trusts nobody, the others take all."""
    if profile not in PROFILES:
        raise ValueError(f"profile {profile!r} is not one of {', '.join(PROFILES)}")
    if profile == "production":
        return replace(
            Settings(),
            profile=profile,
            clicks=ClickPolicy(want_evidence=True, take_simulated=False),
            register_on_initiate=False,
            trust_any_key=False,
        )
    return replace(Settings(), profile=profile)
