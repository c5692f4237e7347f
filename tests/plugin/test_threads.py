"""The asynchronous form of a plain call, where asyncio runs and where it does not."""

from __future__ import annotations

import pytest

from orchestrator.pytest_plugin.threads import in_thread


def click_sync(click_type: str) -> str:
    return click_type


async def test_it_is_what_the_plain_one_returns():
    assert await in_thread(click_sync, "LONG") == "LONG"


def test_without_asyncio_it_says_what_to_call_instead():
    awaited = in_thread(click_sync, "LONG")
    with pytest.raises(RuntimeError, match=r"^click is for asyncio, .* Call click_sync in a thr"):
        awaited.send(None)  # as any other library would run it
