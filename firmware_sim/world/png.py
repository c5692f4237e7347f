"""A drawing as PNG, with Pillow and the font that Pillow brings: no program and no font needed."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from math import hypot
from typing import TYPE_CHECKING, Final

from firmware_sim.world.drawing import Area, Drawing, Line, Point, Words

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

# Drawn larger and made smaller, which smooths slanted edges; kept at twice the size for print.
_DRAWN: Final = 4
_KEPT: Final = 2
_DASH, _GAP = 4, 3
_ANCHORS: Final = {"start": "ls", "middle": "ms", "end": "rs"}


class NoPillowError(Exception):
    """The library that makes PNG files is not installed."""


def png(drawing: Drawing) -> bytes:
    """The bytes of a PNG file of twice the drawing's size. Raises NoPillowError."""
    try:
        from PIL import Image, ImageDraw  # noqa: PLC0415 - an extra, and only for PNG
    except ImportError:
        raise NoPillowError from None
    image = Image.new("RGB", (drawing.width * _DRAWN, drawing.height * _DRAWN), "white")
    pen = ImageDraw.Draw(image)
    for shape in drawing.shapes:
        match shape:
            case Line():
                _line(pen, shape)
            case Area():
                pen.polygon(_scaled(shape.points), fill=shape.colour)
            case Words():
                _words(pen, shape)
    size = (drawing.width * _KEPT, drawing.height * _KEPT)
    made = BytesIO()
    image.resize(size, Image.Resampling.BOX).save(made, "PNG", optimize=True)
    return made.getvalue()


def _line(pen: ImageDraw, line: Line) -> None:
    width = max(1, round(line.width * _DRAWN))
    if not line.dashed:
        pen.line(_scaled(line.points), fill=line.colour, width=width, joint="curve")
        return
    for (x, y), (to_x, to_y) in pairwise(line.points):
        length = hypot(to_x - x, to_y - y)
        at = 0.0
        while at < length:
            ends = [share / length for share in (at, min(at + _DASH, length))]
            dash = tuple((x + (to_x - x) * end, y + (to_y - y) * end) for end in ends)
            pen.line(_scaled(dash), fill=line.colour, width=width)
            at += _DASH + _GAP


def _words(pen: ImageDraw, words: Words) -> None:
    from PIL import ImageFont  # noqa: PLC0415

    pen.text(
        (words.x * _DRAWN, words.y * _DRAWN),
        words.text,
        fill=words.colour,
        font=ImageFont.load_default(words.size * _DRAWN),
        anchor=_ANCHORS[words.anchor],
    )


def _scaled(points: tuple[Point, ...]) -> list[Point]:
    return [(x * _DRAWN, y * _DRAWN) for x, y in points]
