"""The families of buttons that are understood: one table, asked in this order."""

from __future__ import annotations

from typing import Final

from hardware.families import (
    aws_iot_button,
    bthome,
    itag,
    mibeacon,
    microbit,
    native,
    nordic_lbs,
    sensortag,
    serial_level,
    shelly,
    shelly_blu,
    shelly_gen1,
    tasmota,
    theengs,
    zigbee2mqtt,
)
from hardware.families.family import Family, Level, Options, Reading, Sender

# The first that matches reads a frame, so what is certain by its topic or UUID stands before what
# is told by its payload, and zigbee2mqtt, whose topics are anybody's, comes last. A later Shelly,
# and what it relays, may speak below ``shellies/`` too, so the first generation comes after them.
FAMILIES: Final[tuple[Family, ...]] = (
    native.FAMILY,
    serial_level.FAMILY,
    bthome.FAMILY,
    mibeacon.FAMILY,
    nordic_lbs.FAMILY,
    microbit.FAMILY,
    itag.FAMILY,
    sensortag.FAMILY,
    aws_iot_button.FAMILY,
    theengs.FAMILY,
    tasmota.FAMILY,
    shelly_blu.FAMILY,
    shelly.FAMILY,
    shelly_gen1.FAMILY,
    zigbee2mqtt.FAMILY,
)

__all__ = ["FAMILIES", "Family", "Level", "Options", "Reading", "Sender"]
