"""How a trace file is refused."""

from __future__ import annotations


class TraceError(Exception):
    """A trace file cannot be used. The message names it, what is wrong, and the next step."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self.problem = problem
