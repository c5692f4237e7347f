"""What your company wrote: takes a button over for a customer, with any AWS client."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class NotTakenOverError(Exception):
    """The button was not pressed in time."""


def begin(client: Any, device_id: str) -> None:
    """Ask the customer to press after this."""
    client.initiate_device_claim(DeviceId=device_id)


def finish(
    client: Any,
    device_id: str,
    customer: str,
    *,
    pause: Callable[[], object] = lambda: time.sleep(1),
) -> str:
    """Wait for the press and take the button over; its ARN."""
    while True:
        try:
            client.finalize_device_claim(DeviceId=device_id, Tags={"customer": customer})
            break
        except client.exceptions.PreconditionFailedException as error:
            if "Press the button" not in str(error):
                raise NotTakenOverError(f"nobody pressed {device_id}") from error
        pause()
    return client.describe_device(DeviceId=device_id)["DeviceDescription"]["Arn"]
