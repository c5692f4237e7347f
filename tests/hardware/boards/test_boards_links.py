"""A press on a laid-out board, on real MicroPython, is exactly these bytes on every link."""

from __future__ import annotations

import asyncio

import aiomqtt
import pytest

from hardware.boards.flash import Wifi
from hardware.click import Click, RawFrame
from hardware.decode import Decoder
from hardware.keys import DeviceKey
from tests.brokers import Mosquitto
from tests.hardware.boards.lives import press

pytestmark = pytest.mark.node

BOARDS = ("pico_w", "esp32")
BTHOME = "0000fcd2-0000-1000-8000-00805f9b34fb"
# SINGLE, DOUBLE, LONG, after the Wi-Fi is there.
THREE = [*press(3000), *press(5000, 5200), *press(7000, for_ms=2000)]


class Keys:
    def __init__(self, *keys: DeviceKey) -> None:
        self._keys = keys

    def keys_for(self, namespace: str | None, address: str) -> tuple[DeviceKey, ...]:
        return self._keys


def said_by(frame: RawFrame, *keys: DeviceKey) -> Click:
    (click,) = Decoder(Keys(*keys)).decode(frame)
    assert isinstance(click, Click), click.reason
    return click


@pytest.mark.parametrize("board", BOARDS)
def test_every_link_says_the_golden_bytes(board, laid_out, live, golden):
    (life,) = live(laid_out(board), {"contact": THREE, "ends_at_ms": 12_000})
    assert life.sentences == [click["sentence"] for click in golden["clicks"]]
    assert life.packets[0] == golden["connect"]
    assert [packet.hex() for packet in life.published] == [c["publish"] for c in golden["clicks"]]
    assert [said.hex() for said in life.advertised] == [c["encrypted"] for c in golden["clicks"]]


@pytest.mark.parametrize(("board", "interval_us"), [("pico_w", 30_000), ("esp32", 100_000)])
def test_a_click_is_advertised_for_three_seconds(board, interval_us, laid_out, live):
    board = laid_out(board, wifi=None, mqtt_url=None)
    (life,) = live(board, {"contact": press(1000), "ends_at_ms": 9_000})
    (began_ms, said), (ended_ms, silence) = life.of("advertise")
    assert said.startswith(f"{interval_us} ")
    assert (silence, began_ms) == ("", 1515)  # 100 pressed, 15 settled, 400 waited
    assert ended_ms - began_ms == pytest.approx(3000, abs=10)


def test_without_a_key_all_is_plain_and_unsigned(laid_out, live, golden):
    board = laid_out("pico_w", key=None, ble_key=None)
    (life,) = live(board, {"contact": THREE, "ends_at_ms": 12_000})
    assert [said.hex() for said in life.advertised] == [c["plain"] for c in golden["clicks"]]
    assert all(sentence.split(",")[7].startswith("*") for sentence in life.sentences)
    assert len(life.published) == 3


@pytest.mark.parametrize("board", BOARDS)
def test_our_decoders_know_who_it_was(board, laid_out, live, golden):
    (life,) = live(laid_out(board), {"contact": THREE, "ends_at_ms": 12_000})
    hmac = DeviceKey("hmac", bytes.fromhex(golden["key"]))
    bind = DeviceKey("bthome", bytes.fromhex(golden["ble_key"]))
    heard = {"heard_ms": 0}
    clicks = []
    for sentence, packet, said in zip(life.sentences, life.published, life.advertised, strict=True):
        topic_ends = 5 + (packet[3] << 8 | packet[4])
        frames = (
            (
                RawFrame(transport="serial", source="serial:", payload=sentence.encode(), **heard),
                hmac,
            ),
            (
                RawFrame(
                    transport="mqtt",
                    source="mqtt:",
                    channel=packet[5:topic_ends].decode(),
                    payload=packet[topic_ends + 2 :],
                    **heard,
                ),
                hmac,
            ),
            (
                RawFrame(
                    transport="ble-advertisement",
                    source="ble:",
                    address=golden["address"],
                    channel=BTHOME,
                    payload=service_data(said),
                    **heard,
                ),
                bind,
            ),
        )
        clicks.append([said_by(frame, key) for frame, key in frames])
    assert all(click.authenticated for three in clicks for click in three)
    assert [{click.click_type for click in three} for three in clicks] == [
        {"SINGLE"}, {"DOUBLE"}, {"LONG"},
    ]  # fmt: skip
    assert [three[0].press_id for three in clicks] == [three[1].press_id for three in clicks]
    assert [three[2].freshness for three in clicks] == [(1,), (2,), (3,)]
    assert {click.address for three in clicks for click in three[:2]} == {golden["device_id"]}


def service_data(advertisement: bytes) -> bytes:
    """The bytes behind the UUID, found as a receiver finds them: structure by structure."""
    at = 0
    while at < len(advertisement):
        length, kind = advertisement[at], advertisement[at + 1]
        if kind == 0x16:
            return advertisement[at + 4 : at + 1 + length]
        at += 1 + length
    raise AssertionError("no service data")


def test_a_long_device_id_leaves_room_for_the_advertisement(laid_out, live):
    board = laid_out("esp32", device_id="X" * 32)
    (life,) = live(board, {"contact": press(3000), "ends_at_ms": 6_000})
    assert len(life.advertised[0]) <= 31
    assert life.clicks == [(1, 1, "SINGLE")]


@pytest.mark.mosquitto
async def test_a_real_broker_takes_what_the_board_sends(laid_out, live, tmp_path):
    (life,) = live(
        laid_out("pico_w"), {"contact": press(3000), "ends_at_ms": 40_000}
    )  # long enough for a ping
    async with (
        Mosquitto(tmp_path / "mosquitto") as broker,
        aiomqtt.Client("127.0.0.1", broker.port) as listener,
        asyncio.timeout(30),
    ):
        await listener.subscribe("clickclaim/v1/+/devices/+/events", qos=1)
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        answers = []
        for packet in life.packets:
            writer.write(bytes.fromhex(packet))
            answers.append((await reader.readexactly(2 if packet == "c000" else 4)).hex())
        message = await anext(aiter(listener.messages))
        writer.close()
        await writer.wait_closed()
    assert [packet[:2] for packet in life.packets] == ["10", "32", "c0"]
    assert answers == ["20020000", "40020001", "d000"]
    assert (message.qos, message.retain) == (1, False)
    assert bytes(message.payload) == life.published[0][-len(message.payload) :]


def test_an_open_wifi_is_joined_without_a_password(laid_out, live):
    board = laid_out("esp32", wifi=Wifi("guests"))
    (life,) = live(board, {"ends_at_ms": 3_000})
    assert life.of("join") == [(0, "guests None")]
