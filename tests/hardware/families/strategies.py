"""Frames that nobody sends: every family's words in the wrong places, and bytes at random."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from hardware.click import RawFrame
from tests.hardware.families.frames import BTHOME, FFE1, LBS, MIBEACON, MICROBIT_A

WORDS = """
action Action event event_cnt events params method component info data id idx ts src button
button1 packet batt serialNumber clickType batteryVoltage deviceInfo deviceEvent deviceId
buttonClicked reportedTime remainingLife testMode bootId counter auth StatusSNS Switch1 Button1
last_seen battery linkquality BTHome_version address pid addr cipher NotifyEvent single_push
S SINGLE ON OFF HOLD 2_single input:0 bthomedevice:200 2026-01-01T00:00:00Z
"""
words = st.sampled_from(WORDS.split())
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | words
    | st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=12,
)
topics = st.sampled_from(
    [
        "clickclaim/v1/default/devices/G030PM0123456789/events",
        "clickclaim/v1//devices//events",
        "iotbutton/G030",
        "iotbutton/",
        "shellies/x/input_event/0",
        "shellies/x/input_event/zz/9",
        "shellies/x/sensor/battery",
        "x/events/rpc",
        "/events/rpc",
        "stat/x/RESULT",
        "tele//SENSOR",
        "stat",
        "stat/stat/stat",
        "a/BTtoMQTT/B43522F53DA4",
        "BTtoMQTT",
        "zigbee2mqtt/x",
        "zigbee2mqtt/x/action",
        "zigbee2mqtt",
        "/action",
        "",
    ]
) | st.text(max_size=20)
addresses = st.none() | st.sampled_from(["A4:C1:38:8D:18:B2", "", ":", "zz"]) | st.text(max_size=20)
mqtt = st.builds(
    RawFrame,
    transport=st.just("mqtt"),
    source=st.just("mqtt:"),
    heard_ms=st.integers(0, 2**50),
    payload=values.map(lambda v: json.dumps(v).encode()) | st.binary(max_size=80),
    channel=st.none() | topics,
    retained=st.booleans(),
    queued=st.booleans(),
)
bthome = st.builds(
    bytes.__add__,
    st.sampled_from([b"\x40", b"\x41", b"\x45", b"\x42", b"\x43"]),
    st.binary(max_size=40),
)
mibeacon = st.builds(
    bytes.__add__,
    st.sampled_from(
        [bytes.fromhex(h) for h in ("5040", "5850", "5859", "4055", "5830", "7058", "f0ff")]
    ),
    st.binary(max_size=40),
)
ble = st.builds(
    RawFrame,
    transport=st.sampled_from(["ble-advertisement", "ble-notify"]),
    source=st.just("ble:"),
    heard_ms=st.integers(0, 2**50),
    payload=bthome | mibeacon | st.binary(max_size=40),
    address=addresses,
    channel=st.sampled_from([BTHOME, MIBEACON, LBS, MICROBIT_A, FFE1, None, "x"]),
    name=st.none() | st.text(max_size=10),
    link_lost=st.booleans(),
)
serial = st.builds(
    RawFrame,
    transport=st.just("serial"),
    source=st.just("serial:"),
    heard_ms=st.integers(0, 2**50),
    payload=st.binary(max_size=60)
    | st.sampled_from([b"1", b"0", b"DOWN", b"UP\r", b"$CLK,a,1,2,SINGLE,,0,*0000"])
    | st.text(max_size=40).map(lambda t: ("$CLK," + t + "*0000").encode("utf-8", "replace")),
    address=addresses,
)
frames = mqtt | ble | serial
