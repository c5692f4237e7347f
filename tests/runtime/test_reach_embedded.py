"""The service of a command's own does all that a running one does, timing of contacts included."""

import asyncio
from pathlib import Path

from orchestrator.domain.ids import DEFAULT_NAMESPACE
from orchestrator.flow import WindowOpened, claim_device
from orchestrator.runtime.folder import open_desk
from orchestrator.runtime.reach import EMBEDDED, reach
from tests.runtime.conftest import ADDRESS, level


async def test_a_contact_that_the_host_times_makes_a_claim(tmp_path: Path) -> None:
    async with open_desk(tmp_path, create=True) as desk:
        await desk.registry.add(DEFAULT_NAMESPACE, ["BUTTON"])
        await desk.registry.alias(DEFAULT_NAMESPACE, ADDRESS, "BUTTON")
    async with reach(EMBEDDED, data=tmp_path) as reached, asyncio.TaskGroup() as group:

        async def press() -> None:
            await reached.api.send_frames(
                [level(reached.clock.now_ms(), closed=True)], invocation="down"
            )
            await reached.api.send_frames(
                [level(reached.clock.now_ms(), closed=False)], invocation="up"
            )

        def told(progress: object) -> None:
            if isinstance(progress, WindowOpened):
                group.create_task(press(), name="press")

        attempt = await claim_device(
            reached.api, "BUTTON", claim_id="c1", clock=reached.clock, on_progress=told
        )
    assert attempt.outcome == "CLAIMED"
