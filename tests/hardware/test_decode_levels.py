"""Buttons that only say closed or open: timed on the host, and forgotten when the link drops."""

from __future__ import annotations

from hardware.click import Click, Ignored
from hardware.decode import Decoder
from hardware.keys import NoKeys
from tests.hardware.families.frames import FFE1, MICROBIT_A, line, message, notification


class Bench:
    """A decoder, and the clicks that came out of it in order."""

    def __init__(self) -> None:
        self.decoder = Decoder(NoKeys())
        self.clicks: list[Click] = []
        self.ignored: list[Ignored] = []

    def hear(self, *frames) -> Bench:
        for frame in frames:
            for said in self.decoder.decode(frame):
                (self.clicks if isinstance(said, Click) else self.ignored).append(said)
        return self

    def until(self, now_ms: int) -> Bench:
        self.clicks += self.decoder.advance(now_ms)
        return self

    def types(self) -> list[str]:
        return [click.click_type for click in self.clicks]


def lbs(closed: int, at_ms: int, **more):
    return notification(bytes([closed]), at_ms=at_ms, **more)


def test_a_press_and_a_release_are_a_single_click_once_the_gap_is_over():
    bench = Bench().hear(lbs(1, 1_000), lbs(0, 1_090))
    assert bench.until(1_489).types() == []
    assert bench.until(1_490).types() == ["SINGLE"]
    (click,) = bench.clicks
    assert click.frame.heard_ms == 1_000, "dated at the press, not at the end of the wait"
    assert click.family == "nordic_lbs"
    assert not click.authenticated


def test_two_presses_within_the_gap_are_a_double_click():
    bench = Bench().hear(lbs(1, 0), lbs(0, 80), lbs(1, 200), lbs(0, 290))
    assert bench.types() == ["DOUBLE"]
    assert bench.until(10_000).types() == ["DOUBLE"]


def test_a_long_press_is_said_while_it_lasts():
    bench = Bench().hear(lbs(1, 0))
    assert bench.until(1_499).types() == []
    assert bench.until(1_500).types() == ["LONG"]
    assert bench.hear(lbs(0, 4_000)).until(9_000).types() == ["LONG"]


def test_a_long_press_is_said_by_its_release_when_nobody_advanced():
    assert Bench().hear(lbs(1, 0), lbs(0, 2_000)).types() == ["LONG"]


def test_press_and_release_in_one_packet_are_a_click():
    # The radio delivers both in one connection event: same millisecond.
    assert Bench().hear(lbs(1, 50), lbs(0, 50)).until(450).types() == ["SINGLE"]


def test_each_level_is_shown_as_what_it_is():
    bench = Bench().hear(lbs(1, 0), lbs(0, 90))
    assert [(one.click_type, one.valid) for one in bench.ignored] == [("DOWN", True), ("UP", True)]


def test_idle_says_when_to_advance():
    bench = Bench()
    assert bench.decoder.idle_for_ms(0) is None
    bench.hear(lbs(1, 1_000))
    assert bench.decoder.idle_for_ms(1_000) == 1_500
    bench.hear(lbs(0, 1_100))
    assert bench.decoder.idle_for_ms(1_200) == 300
    assert bench.decoder.idle_for_ms(9_999) == 0
    assert bench.until(9_999).decoder.idle_for_ms(9_999) is None


def test_a_dropped_link_forgets_the_press():
    bench = Bench().hear(lbs(1, 0))
    bench.decoder.lost("ble:", "A4:C1:38:8D:18:B2")
    assert bench.until(60_000).types() == []
    # After the reconnect the button is known to be open again only by what it says.
    assert bench.hear(lbs(0, 61_000)).until(70_000).types() == []
    assert bench.hear(lbs(1, 71_000), lbs(0, 71_100)).until(72_000).types() == ["SINGLE"]


def test_a_frame_that_says_the_link_was_lost_does_the_same():
    bench = Bench().hear(lbs(1, 0), notification(b"", at_ms=700, link_lost=True))
    assert bench.until(60_000).types() == []
    assert "link" in bench.ignored[-1].reason


def test_another_buttons_lost_link_changes_nothing():
    bench = Bench().hear(lbs(1, 0))
    bench.decoder.lost("ble:", "11:22:33:44:55:66")
    assert bench.until(1_500).types() == ["LONG"]


def test_two_buttons_are_timed_apart():
    other = "11:22:33:44:55:66"
    bench = Bench().hear(
        lbs(1, 0), lbs(1, 10, address=other), lbs(0, 90), lbs(0, 1_600, address=other)
    )
    bench.until(5_000)
    assert sorted((c.address, c.click_type) for c in bench.clicks) == [
        (other, "LONG"),
        ("A4:C1:38:8D:18:B2", "SINGLE"),
    ]


def test_a_level_said_twice_is_one_press():
    bench = Bench().hear(lbs(1, 0), lbs(1, 20), lbs(0, 90), lbs(0, 95))
    assert bench.until(5_000).types() == ["SINGLE"]


def test_a_clock_that_goes_back_makes_no_click():
    bench = Bench().hear(lbs(1, 10_000), lbs(0, 9_000))
    assert bench.until(9_500).types() == []
    assert bench.until(10_400).types() == ["SINGLE"]


def test_a_sensortags_keys_share_a_byte_and_are_timed_apart():
    def keys(bits: int, at_ms: int):
        return notification(bytes([bits]), at_ms=at_ms, uuid=FFE1, name="SensorTag")

    bench = Bench().hear(keys(0b01, 0), keys(0b11, 30), keys(0b10, 100), keys(0, 1_900))
    bench.until(5_000)
    assert sorted((c.button, c.click_type) for c in bench.clicks) == [
        ("left", "LONG"),
        ("right", "SINGLE"),
    ]


def test_a_microbit_that_was_held_before_we_connected_is_a_long_press():
    bench = Bench().hear(notification(b"\x02", uuid=MICROBIT_A))
    assert bench.types() == ["LONG"]
    assert bench.hear(notification(b"\x00", at_ms=400, uuid=MICROBIT_A)).until(9_000).types() == [
        "LONG"
    ]


def test_a_microbits_hold_says_nothing_new_when_the_press_was_heard():
    bench = Bench().hear(
        notification(b"\x01", uuid=MICROBIT_A),
        notification(b"\x02", at_ms=1_500, uuid=MICROBIT_A),
        notification(b"\x00", at_ms=2_000, uuid=MICROBIT_A),
    )
    assert bench.until(9_000).types() == ["LONG"]


def test_a_sketch_that_prints_the_bare_contact_is_settled_here():
    bounce = [(b"1", 0), (b"0", 2), (b"1", 3), (b"0", 5), (b"1", 6)]
    open_again = [(b"0", 120), (b"1", 121), (b"0", 124)]
    bench = Bench().hear(*(line(text, at_ms=at) for text, at in bounce + open_again))
    assert bench.until(5_000).types() == ["SINGLE"]
    assert bench.clicks[0].address == "E661-1"


def test_a_sketch_that_prints_in_a_loop_is_one_press_per_press():
    texts = [b"UP"] * 5 + [b"DOWN"] * 20 + [b"UP"] * 5
    bench = Bench().hear(*(line(text, at_ms=10 * at) for at, text in enumerate(texts)))
    assert bench.until(5_000).types() == ["SINGLE"]


def sensor(level: str, at_ms: int, **more):
    return message("tele/desk/SENSOR", f'{{"Switch1":"{level}"}}', at_ms=at_ms, **more)


def test_a_state_that_is_first_heard_of_as_closed_is_no_press():
    bench = Bench().hear(sensor("ON", 0), sensor("ON", 300_000), sensor("OFF", 600_000))
    assert bench.until(900_000).types() == []


def test_a_change_of_a_state_is_a_press_and_its_periodic_copies_are_not():
    bench = Bench().hear(sensor("OFF", 0), sensor("ON", 1_000), sensor("OFF", 1_200))
    bench.hear(sensor("OFF", 300_000), sensor("OFF", 600_000))
    assert bench.until(900_000).types() == ["SINGLE"]


def test_a_state_kept_by_a_broker_is_no_press():
    bench = Bench().hear(sensor("OFF", 0), sensor("ON", 1_000, retained=True), sensor("OFF", 1_100))
    bench.hear(sensor("ON", 5_000, queued=True), sensor("OFF", 5_100))
    assert bench.until(9_000).types() == []


def test_the_click_carries_no_token_that_was_spent_on_its_level():
    token = object()
    bench = Bench().hear(
        sensor("OFF", 0), sensor("ON", 100, acknowledge_token=token), sensor("OFF", 200)
    )
    assert bench.ignored[1].frame.acknowledge_token is token
    assert bench.until(900).clicks[0].frame.acknowledge_token is None


def test_made_up_buttons_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("hardware.levels.MAX_CONTACTS", 10)
    bench = Bench()
    for number in range(50):
        bench.hear(lbs(1, number, address=f"made-up-{number}"))
    assert len(bench.decoder._levels._contacts) == 10
