"""A claim service on a store in memory, with time that is told."""

from __future__ import annotations

import pytest

from tests.claims.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()
