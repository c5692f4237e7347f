"""Whether a frame is a new press, another message of one already heard, or an old one sent again.

One press is many messages: a beacon repeats it for seconds, a broker delivers it twice, a hub
publishes it three times, a restart brings the last one back. The rule is pure; the caller keeps
the state with the device, so that it outlives a restart.

What raises the mark is authenticated only, so a forged counter kills no button; and what is
authenticated is remembered apart from what is not, so a forged press hides no real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple, Protocol

from hardware.click import Click, Ignored

Verdict = Literal["NEW", "REPEAT", "REPLAYED"]

# Presses remembered of one device: more than anybody makes while a copy of one is on its way.
MOST_PRESSES: Final = 12

# A beacon may repeat one packet for long; the ids of 8 bits come round after 256 presses, which
# take more than a minute. Counted from its last frame, so an endless beacon stays one press.
PACKET_WINDOW_MS: Final = 60_000

# Receivers and proxies deliver packets out of order by moments, not longer. Beyond it a packet id
# that is behind means that the counter began anew: battery changed, device restarted. The field
# waits as long (bthome-ble).
ORDER_WINDOW_MS: Final = 4_000

# bthome-ble's forward distance: up to this far ahead an id of 8 bits is newer, else older.
AHEAD: Final = 64

_U32_MAX: Final = 0xFFFF_FFFF
# A counter of 32 bits that came round is heard within this many frames of its beginning.
_ROUND: Final = 64


@dataclass(frozen=True, slots=True)
class Habit:
    """How messages of one press recur in a family."""

    id_window_ms: int | None = None
    """The same press id this long after its last message is the same press; None: for ever."""
    echo_window_ms: int = 0
    """Without a press id: the same click of the same button this long after its last message."""
    echoes_with_ids: bool = False
    """The same, even when both messages have ids: each message is given an id of its own."""
    latest_for_ever: bool = False
    """The very latest press id is never a new press, whatever the window says."""
    rolling: bool = False
    """The press id begins with a packet id of 8 bits that comes round."""


# What is not here has ids that never come again, or sends each press once.
HABITS: Final[Mapping[str, Habit]] = {
    "bthome": Habit(PACKET_WINDOW_MS, ORDER_WINDOW_MS, rolling=True),
    "mibeacon": Habit(PACKET_WINDOW_MS, ORDER_WINDOW_MS),
    "theengs": Habit(PACKET_WINDOW_MS, ORDER_WINDOW_MS),
    # Gen1 publishes the last event again every 30 s; its count begins anew after a restart.
    "shelly_gen1": Habit(PACKET_WINDOW_MS, latest_for_ever=True),
    "shelly_blu": Habit(PACKET_WINDOW_MS, ORDER_WINDOW_MS),
    # Three messages for one press come within some 10 ms (issues 18070, 21855), a hub's doubles
    # within a second (32015); two clicks in less than that, the remote calls a double.
    "zigbee2mqtt": Habit(echo_window_ms=1_000, echoes_with_ids=True),
    "tasmota": Habit(echo_window_ms=500),
    # It publishes with at least once, and needs seconds to wake and connect between two presses.
    "aws_iot_button": Habit(echo_window_ms=3_000),
    # The tag notifies once for each press; a double press takes some 200 ms from press to press.
    "itag": Habit(echo_window_ms=100),
}
_NO_HABIT: Final = Habit()


class Press(NamedTuple):
    """What the rule looks at in a click, or in a frame without one."""

    family: str
    click_type: str | None
    """None and NONE for a frame without a press: it only moves counters."""
    press_id: str | None = None
    freshness: tuple[int, ...] | None = None
    authenticated: bool = False
    button: str | int | None = None
    """Which button of several: without a press id, two of them are two presses."""

    @property
    def kind(self) -> str:
        """The click, and which button made it."""
        click = self.click_type or ""
        return click if self.button is None else f"{click} of {self.button}"

    @classmethod
    def of(cls, decoded: Click | Ignored) -> Press:
        """The same of what a decoder said."""
        family = decoded.family or ""
        if isinstance(decoded, Click):
            press_id = decoded.press_id
        else:
            packet_id = (decoded.counter or {}).get("packet_id")
            press_id = None if packet_id is None else str(packet_id)
        click, button = None, None
        if isinstance(decoded, Click):
            click, button = decoded.click_type, decoded.button
        return cls(family, click, press_id, decoded.freshness, decoded.authenticated, button)


class Heard(NamedTuple):
    """One press that is remembered."""

    key: str
    kind: str
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of one device. Compact: it lives in the device's row."""

    mark: tuple[int, ...] = ()
    """The highest freshness that was authenticated."""
    mark_ms: int = 0
    """When the first frame at the mark was heard."""
    at_mark: tuple[str, ...] = ()
    """Presses of the frame at the mark: one frame may press several buttons."""
    came_round: bool = False
    """The counter went from its very end to its beginning: what is far ahead now is old."""
    presses: tuple[Heard, ...] = ()
    """The latest presses, the one heard of last at the end."""
    rolling: tuple[int, int] | None = None
    """The last plain packet id, and when it was last heard."""

    def to_json(self) -> dict[str, Any]:
        """Plain values that ``json`` can write; what is empty is left out."""
        said: dict[str, Any] = {}
        if self.mark:
            said["mark"] = list(self.mark)
            said["mark_ms"] = self.mark_ms
            said["at_mark"] = list(self.at_mark)
            if self.came_round:
                said["came_round"] = True
        if self.presses:
            said["presses"] = [list(press) for press in self.presses]
        if self.rolling:
            said["rolling"] = list(self.rolling)
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any] | None) -> State:
        """The state that ``to_json`` wrote; an empty one for None.

        Raises ValueError for anything else: to forget the mark would let an old frame in.
        """
        if said is None:
            return cls()
        try:
            rolling = said.get("rolling")
            return cls(
                mark=tuple(int(part) for part in said.get("mark", ())),
                mark_ms=int(said.get("mark_ms", 0)),
                at_mark=tuple(str(key) for key in said.get("at_mark", ())),
                came_round=said.get("came_round", False) is True,
                presses=tuple(
                    Heard(str(key), str(kind), int(first), int(last))
                    for key, kind, first, last in said.get("presses", ())
                ),
                rolling=(int(rolling[0]), int(rolling[1])) if rolling else None,
            )
        except (TypeError, ValueError, IndexError, AttributeError) as wrong:
            raise ValueError(f"not a state of the repeat rule: {wrong}") from wrong


class Judgement(NamedTuple):
    """What a frame is, when its press was first heard, and what to remember from now on."""

    verdict: Verdict
    first_heard_ms: int
    state: State


class RepeatRule(Protocol):
    """The form of ``judge``."""

    def __call__(self, state: State, press: Press, heard_ms: int) -> Judgement:
        """Judge one frame of one device."""


def judge(state: State, press: Press, heard_ms: int) -> Judgement:
    """Judge one frame against what is remembered of its device. ``heard_ms`` is UTC.

    A repeat's ``first_heard_ms`` is that of its press, however late the repeat comes.
    """
    if press.authenticated and press.freshness is not None:
        return _judge_authenticated(state, press, press.freshness, heard_ms)
    return _judge_by_id(state, press, heard_ms)


def forget_mark(state: State) -> State:
    """The state without its mark: a replaced battery made the device count anew."""
    return replace(state, mark=(), mark_ms=0, at_mark=(), came_round=False)


def _judge_authenticated(
    state: State, press: Press, freshness: tuple[int, ...], heard_ms: int
) -> Judgement:
    key = _key(press)
    if state.mark and freshness == state.mark:
        if key in state.at_mark or len(state.at_mark) >= MOST_PRESSES:
            known = _find(state, key)
            return Judgement("REPEAT", known.first_ms if known else state.mark_ms, state)
        marked = replace(state, at_mark=(*state.at_mark, key))
    elif state.mark and not _is_newer(freshness, state):
        return Judgement("REPLAYED", heard_ms, state)
    else:
        came_round = state.came_round or (bool(state.mark) and freshness < state.mark)
        marked = replace(
            state, mark=freshness, mark_ms=heard_ms, at_mark=(key,), came_round=came_round
        )
    return _judge_by_id(marked, press, heard_ms)


def _is_newer(freshness: tuple[int, ...], state: State) -> bool:
    if len(freshness) == len(state.mark) == 1:
        if state.came_round:
            return 0 < (freshness[0] - state.mark[0]) % (_U32_MAX + 1) <= _U32_MAX // 2
        if state.mark[0] == _U32_MAX:
            # The counter has nowhere to go but round. Near its beginning only.
            return freshness[0] < _ROUND
    return freshness > state.mark


def _judge_by_id(state: State, press: Press, heard_ms: int) -> Judgement:
    habit = HABITS.get(press.family, _NO_HABIT)
    known = _known(state, press, heard_ms, habit) if _is_press(press) else None
    if known is not None:
        return Judgement("REPEAT", known.first_ms, _again(state, known, heard_ms))
    if habit.rolling and not press.authenticated and press.press_id is not None:
        return _judge_rolling(state, press, heard_ms)
    return Judgement("NEW", heard_ms, _remember(state, press, heard_ms))


def _known(state: State, press: Press, heard_ms: int, habit: Habit) -> Heard | None:
    """The remembered press that this is another message of."""
    same = _find(state, _key(press)) if press.press_id is not None else None
    if same is not None:
        latest = habit.latest_for_ever and same == state.presses[-1]
        if latest or habit.id_window_ms is None or heard_ms - same.last_ms <= habit.id_window_ms:
            return same
    if not habit.echo_window_ms or (press.press_id is not None and not habit.echoes_with_ids):
        return None
    return next(
        (
            heard
            for heard in reversed(state.presses)
            if heard.kind == press.kind
            and heard.key[0] == _key(press)[0]
            and heard_ms - heard.last_ms < habit.echo_window_ms
        ),
        None,
    )


def _judge_rolling(state: State, press: Press, heard_ms: int) -> Judgement:
    packet_id = int((press.press_id or "").partition(".")[0])
    moved = replace(state, rolling=(packet_id, heard_ms))
    if state.rolling is not None:
        last_id, last_ms = state.rolling
        ahead = (packet_id - last_id) % 256
        same = ahead == 0 and heard_ms - last_ms <= PACKET_WINDOW_MS
        if same and not _is_press(press):
            return Judgement("REPEAT", heard_ms, moved)
        if ahead >= AHEAD and heard_ms - last_ms <= ORDER_WINDOW_MS:
            return Judgement("REPEAT", heard_ms, state)
    return Judgement("NEW", heard_ms, _remember(moved, press, heard_ms))


def _is_press(press: Press) -> bool:
    return press.click_type not in (None, "NONE")


def _key(press: Press) -> str:
    """One word for a press: what is authenticated never meets what is not."""
    mark = "+" if press.authenticated else "-"
    return mark + (press.press_id or press.kind)


def _find(state: State, key: str) -> Heard | None:
    return next((heard for heard in reversed(state.presses) if heard.key == key), None)


def _again(state: State, known: Heard, heard_ms: int) -> State:
    """The same press, heard of once more; it stays where it is in the order of presses."""
    later = known._replace(last_ms=max(known.last_ms, heard_ms))
    return replace(state, presses=tuple(later if h == known else h for h in state.presses))


def _remember(state: State, press: Press, heard_ms: int) -> State:
    if not _is_press(press):
        return state
    heard = Heard(_key(press), press.kind, heard_ms, heard_ms)
    kept = tuple(h for h in state.presses if h.key != heard.key)
    return replace(state, presses=(*kept, heard)[-MOST_PRESSES:])
