"""Everything the rules may refuse, as one tree. Which HTTP status that is, is decided in ``api``.

ClickclaimError
├── RefusedError                 the rules say no; the message names the remedy
│   ├── InvalidRequestError      the request itself is wrong
│   ├── UnknownDeviceError       no such device for this caller
│   ├── TakenError               claimed, or being claimed, by somebody; never says by whom
│   ├── TooManyInitiatesError    initiated again and again, and nobody presses
│   ├── NoClaimOpenError         finalize without a claim in progress
│   ├── PressNotSeenError        finalize before the button was pressed
│   ├── StaleEpochError          the claim has moved on since the caller looked
│   ├── ClaimCodeRefusedError    unknown, used, or not to be had; one message for all
│   └── PageTokenError           a nextToken that is not ours, not theirs, or too old
└── StoreError                   the data folder could not be used
    ├── StoreInUseError          another service has it open
    ├── StoreUnreadableError     not a database of ours, or a newer one
    └── StoreFullError           the disk takes no more
"""

from __future__ import annotations


class ClickclaimError(Exception):
    """The root: a sentence that names the thing, what is wrong with it, and the next step."""


class RefusedError(ClickclaimError):
    """The rules say no."""


class InvalidRequestError(RefusedError):
    """The request itself is wrong."""


class UnknownDeviceError(RefusedError):
    """No such device for this caller."""

    def __init__(self, message: str = "The requested device could not be found.") -> None:
        super().__init__(message)


class TakenError(RefusedError):
    """Claimed, or being claimed, by somebody. One message for all cases: ownership does not leak.

    For the owner too: whether a device is yours is what DescribeDevice answers.
    """

    def __init__(self, device_id: str) -> None:
        super().__init__(
            f"Device {device_id} is claimed or being claimed. Its owner can unclaim it;"
            " DescribeDevice tells whether that is you."
        )


class TooManyInitiatesError(RefusedError):
    """Initiated again and again, and nobody presses."""


class NoClaimOpenError(RefusedError):
    """Finalize without a claim in progress."""

    def __init__(self, device_id: str) -> None:
        super().__init__(
            f"Device {device_id} has no claim in progress. Initiate the claim,"
            " press the button within the window, then finalize."
        )


class PressNotSeenError(RefusedError):
    """Finalize before the button was pressed."""

    def __init__(self, device_id: str) -> None:
        super().__init__(
            f"No click of device {device_id} has arrived since the claim was initiated."
            " Press the button, then finalize again."
        )


class StaleEpochError(RefusedError):
    """The claim has moved on since the caller looked."""

    def __init__(self, device_id: str, wanted: str, found: str) -> None:
        super().__init__(
            f"Device {device_id} is at {found}, not at {wanted}:"
            " another claim has begun or ended since. Describe the device before trying again."
        )


class ClaimCodeRefusedError(RefusedError):
    """Unknown, used, or not to be had; one message for all."""

    def __init__(self) -> None:
        super().__init__(
            "This claim code cannot be used by this account."
            " Check the code on the box; if it is right, ask whoever claimed its devices."
        )


class PageTokenError(RefusedError):
    """A nextToken that is not ours, not theirs, or too old."""

    def __init__(self) -> None:
        super().__init__("nextToken is not one that this list gave. Start again without it.")


class StoreError(ClickclaimError):
    """The data folder could not be used."""


class StoreInUseError(StoreError):
    """Another service has the data folder open."""


class StoreUnreadableError(StoreError):
    """Not a database of ours, or one of a newer version."""


class StoreFullError(StoreError):
    """The disk takes no more."""
