"""How a link of a simulated button fails."""

from __future__ import annotations


class LinkError(Exception):
    """A frame could not be sent. The message names the link, what is wrong, and the next step."""

    def __init__(self, link: str, problem: str, remedy: str) -> None:
        super().__init__(f"{link} {problem}; {remedy}")
        self.link = link
        self.problem = problem
        self.remedy = remedy


class LinkBusyError(LinkError):
    """The broker lets nobody in at this moment, and may in the next."""
