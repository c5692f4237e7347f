"""What a board told of its life, and what a finger does in one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Life:
    """What a board told between its start and its end."""

    told: list[tuple[int, str, str]]
    ended: str
    counters: dict[str, str]

    def of(self, kind: str) -> list[tuple[int, str]]:
        """(at_ms, text) of one kind of thing it told."""
        return [(at_ms, text) for at_ms, told, text in self.told if told == kind]

    @property
    def sentences(self) -> list[str]:
        return [text + "\n" for _, text in self.of("line") if text.startswith("$")]

    @property
    def remarks(self) -> list[str]:
        return [text.strip() for _, text in self.of("line") if not text.startswith("$")]

    @property
    def published(self) -> list[bytes]:
        return [p for p in map(bytes.fromhex, dict.fromkeys(self.packets)) if p[0] == 0x32]

    @property
    def packets(self) -> list[str]:
        return [text for _, text in self.of("sent")]

    @property
    def advertised(self) -> list[bytes]:
        """The bytes of each advertisement; the end of advertising is left out."""
        return [bytes.fromhex(text.split()[1]) for _, text in self.of("advertise") if text]

    @property
    def clicks(self) -> list[tuple[int, int, str]]:
        """(boot id, counter, click type) of each sentence."""
        fields = [sentence.split(",") for sentence in self.sentences]
        return [(int(field[2]), int(field[3]), field[4]) for field in fields]


def press(*at_ms: int, for_ms: int = 100) -> list[tuple[int, bool]]:
    """A clean contact that closes at each of these times."""
    return [edge for one in at_ms for edge in ((one, True), (one + for_ms, False))]
