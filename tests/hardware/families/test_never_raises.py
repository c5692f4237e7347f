"""No bytes, on no transport, make a decoder raise; and what it says can be stored."""

from __future__ import annotations

import json
import os

from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.click import CLICK_TYPES, Click, Ignored
from hardware.decode import Decoder
from hardware.families import FAMILIES
from hardware.keys import DeviceKey
from hardware.repeats import Press, State, judge
from tests.hardware.families.strategies import frames as any_frame

# scripts/fuzz --blind asks for more.
EXAMPLES = int(os.environ.get("CLICKCLAIM_FUZZ_EXAMPLES", "500"))

KEYS = tuple(
    DeviceKey(kind, bytes(range(size)))
    for kind in ("hmac", "bthome", "mibeacon")
    for size in (0, 12, 16)
)


class EveryKey:
    """A book with keys of all kinds and lengths for everybody."""

    def keys_for(self, namespace, address):
        return KEYS


class NoKey:
    """A book with none."""

    def keys_for(self, namespace, address):
        return ()


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(any_frame, min_size=1, max_size=4), st.booleans())
def test_whatever_arrives_is_read_or_refused_and_never_raises(frames, with_keys):
    decoder = Decoder(EveryKey() if with_keys else NoKey())
    state = State()
    for frame in frames:
        decoder.identify(frame)
        decoded = decoder.decode(frame)
        assert decoded
        for one in [*decoded, *decoder.advance(frame.heard_ms + 5_000)]:
            assert isinstance(one, Click | Ignored)
            assert_storable(one)
            state = judge(state, Press.of(one), one.frame.heard_ms).state
        decoder.idle_for_ms(frame.heard_ms)
    assert State.from_json(json.loads(json.dumps(state.to_json()))) == state


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(any_frame)
def test_no_family_raises_on_a_frame_that_is_another_familys(frame):
    for family in FAMILIES:
        family.matches(frame)
        family.sender_of(frame)


def assert_storable(one: Click | Ignored) -> None:
    """What is said fits a database, a log line and JSON."""
    said = {
        "address": one.address,
        "counter": one.counter,
        "freshness": one.freshness,
        "battery": one.battery_percent,
        "extra": one.extra,
        "type": one.click_type,
        "press_id": one.press_id if isinstance(one, Click) else None,
        "button": one.button if isinstance(one, Click) else None,
        "reason": one.reason if isinstance(one, Ignored) else None,
    }
    text = json.dumps(said, allow_nan=False, ensure_ascii=False)
    if isinstance(one, Click):
        text.encode()
        assert one.click_type in CLICK_TYPES
        assert len(one.press_id or "") <= 256
