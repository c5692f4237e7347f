"""How what happened to a device is told to somebody whose test just failed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

# A click that comes after an attempt's end, though a clock that stands still says it came with it.
_AFTER_THE_END: Final = frozenset({"LATE", "NO_CLAIM", "DELIVERED"})
# A screen; what went wrong is at the end.
_MOST_MOMENTS: Final = 30
_MOST_BESIDES: Final = 5


class StoryError(AssertionError):
    """A device is not as a test says it should be; the message tells what happened to it."""

    # What a failed test shows in front of the message; a line of a summary is not long.
    __module__ = "clickclaim"

    def __init__(self, claim: str, story: str) -> None:
        super().__init__(f"{claim}\n{story}")
        self.claim_story = story


class Told(str):
    """A word that knows the story behind it, for the message of a failed assert."""

    __slots__ = ("claim_story",)
    claim_story: str

    def __new__(cls, word: str, story: str) -> Self:
        """The word itself in every comparison."""
        made = super().__new__(cls, word)
        made.claim_story = story
        return made


class _Moment(NamedTuple):
    at_ms: int
    epoch: float
    order: int
    text: str


def story_text(
    device_id: str,
    why: Mapping[str, Any],
    besides: Sequence[object] = (),
    faults: Sequence[Mapping[str, Any]] = (),
) -> str:
    """What ``/v1/why`` says, in seconds since its first moment, and what it does not know."""
    more = [f"  {'besides:':>12}  {one}" for one in besides[-_MOST_BESIDES:]]
    more += [f"  {'fault:':>12}  {_fault_text(one)}" for one in faults[-_MOST_BESIDES:]]
    if not why:
        return "\n".join([f"{device_id}: nobody has initiated a claim of it", *more])
    moments = sorted([*_of_attempts(why["attempts"]), *_of_clicks(why["clicks"])])
    owner = f" by account {why['owner']}" if why["owner"] else ""
    began_ms = moments[0].at_ms if moments else why["nowMs"]
    lines = [f"{device_id} is {why['state']}{owner}"]
    earlier = len(moments) - _MOST_MOMENTS
    if earlier > 0:
        lines.append(f"  {'...':>12}  {earlier} earlier moments")
        moments = moments[earlier:]
    lines += [f"  {_after(one.at_ms, began_ms)}  {one.text}" for one in moments]
    lines.append(f"  {_after(why['nowMs'], began_ms)}  now")
    return "\n".join([*lines, *more])


def _fault_text(fault: Mapping[str, Any]) -> str:
    """As ``/v1/faults`` tells it: what was planned, and whether it happened."""
    where = fault["operation"] or f"link {fault['link']}"
    what = f"{fault['kind']} of {where}"
    struck: int = fault["struck"]
    return f"{what} {'never struck' if not struck else f'struck {_times(struck)}'}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _after(at_ms: int, began_ms: int) -> str:
    return f"{(at_ms - began_ms) / 1000:+10.3f} s"


def _of_attempts(attempts: list[dict[str, Any]]) -> Iterator[_Moment]:
    for one in attempts:
        reason = f": {one['reason']}" if one["reason"] else ""
        if one["outcome"] == "REFUSED":
            yield _Moment(one["openedMs"], math.inf, 0, f"initiate REFUSED{reason}")
            continue
        epoch = one["epoch"]
        for mark in one["timeline"]:
            # A click is told with its disposition, the end with its reason.
            if mark["what"] in {"click", str(one["outcome"]).lower()}:
                continue
            text = mark["what"]
            if text == "initiated":
                window_s = (one["deadlineMs"] - one["openedMs"]) / 1000
                text += f" by account {one['account']}, epoch {epoch}, open for {window_s:g} s"
            yield _Moment(mark["atMs"], epoch, 0 if mark["what"] == "initiated" else 2, text)
        if one["outcome"] is not None:
            yield _Moment(one["endedMs"], epoch, 3, f"{one['outcome']}{reason}")


def _heard_again(times: int) -> str:
    if not times:
        return ""
    return ", heard once more" if times == 1 else f", heard {times} times more"


def _of_clicks(clicks: list[dict[str, Any]]) -> Iterator[_Moment]:
    for one in clicks:
        repeats = _heard_again(one["repeats"])
        text = (
            f"{one['clickType']} click heard by {one['source'].partition(' at ')[0]}"
            f" is {one['disposition']}: {one['reason']}{repeats}"
        )
        order = 4 if one["disposition"] in _AFTER_THE_END else 1
        yield _Moment(one["atMs"], one["epoch"], order, text)
