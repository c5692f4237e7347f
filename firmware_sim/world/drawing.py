"""Lines, areas and words of a picture, whatever kind of file it becomes; and how it becomes SVG."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """Through these points, one after the other. ``note``: what pointing at it tells."""

    points: tuple[Point, ...]
    colour: str
    width: float = 1.0
    dashed: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """Within these points."""

    points: tuple[Point, ...]
    colour: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A text on one line; ``anchor`` says which part of it stands at ``x``: start, middle, end."""

    x: float
    y: float
    text: str
    colour: str
    size: int = 12
    anchor: str = "start"


@dataclass(slots=True)
class Drawing:
    """Shapes on white paper, later ones over earlier ones. Units are pixels."""

    width: int
    height: int
    shapes: list[Line | Area | Words] = field(default_factory=list)

    def svg(self) -> str:
        """The text of an SVG file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}"'
            f' viewBox="0 0 {self.width} {self.height}" font-family="sans-serif">'
        )
        paper = f'<rect width="{self.width}" height="{self.height}" fill="white"/>'
        return "\n".join([head, paper, *(_element(one) for one in self.shapes), "</svg>"]) + "\n"


def _element(shape: Line | Area | Words) -> str:
    match shape:
        case Line():
            path = "L".join(f"{x:.2f} {y:.2f}" for x, y in shape.points)
            dashes = ' stroke-dasharray="4 3"' if shape.dashed else ""
            return (
                f'<path d="M{path}" fill="none" stroke="{shape.colour}"'
                f' stroke-width="{shape.width:g}"{dashes}>{_note(shape.note)}</path>'
            )
        case Area():
            points = " ".join(f"{x:.2f},{y:.2f}" for x, y in shape.points)
            return f'<polygon points="{points}" fill="{shape.colour}">{_note(shape.note)}</polygon>'
        case Words():
            return (
                f'<text x="{shape.x:.2f}" y="{shape.y:.2f}" font-size="{shape.size}"'
                f' fill="{shape.colour}" text-anchor="{shape.anchor}">{escape(shape.text)}</text>'
            )


def _note(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
