"""A service in memory and in virtual time that lives as long as somebody uses it.

``users.lock`` is held, shared, by each user; the kernel lets go of it however a user ends. The
service waits for it alone in the world: when it gets it, nobody is left, and it ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from orchestrator.runtime.process import fast_loop

USERS: Final = "users.lock"
"""Held shared by users, and alone by a service that is ending."""
ALIVE: Final = "alive.lock"
"""Held by the running service."""
ADDRESS: Final = "address"
LOG: Final = "server.log"


def main() -> None:
    """Start the service behind this process: ends when it answers, its URL is the output.

    The one argument is the folder with the locks. A service that cannot start is exit status 1,
    and its log says why.
    """
    folder = Path(sys.argv[1])
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        with os.fdopen(told, encoding="utf-8") as says:
            url = says.read()
        sys.stdout.write(url)
        sys.exit(0 if url else 1)
    os.close(told)
    # A session of its own: Ctrl-C at the terminal is for the tests, which still have to end.
    os.setsid()
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    alive = os.open(folder / ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    with asyncio.Runner(loop_factory=fast_loop) as runner:
        runner.run(_serve(folder, tell))


async def _serve(folder: Path, tell: int) -> None:
    from orchestrator.runtime.serving import (  # noqa: PLC0415 - after the fork
        BrokerChoice,
        HttpAddress,
        serving,
    )
    from orchestrator.settings import for_profile  # noqa: PLC0415

    nobody_left = asyncio.Event()
    address = HttpAddress("127.0.0.1", 0)
    async with serving(
        for_profile("dev"), None, http=address, broker=BrokerChoice(), virtual_time=True
    ) as running:
        (folder / ADDRESS).write_text(running.http)
        os.write(tell, running.http.encode())
        os.close(tell)
        loop = asyncio.get_running_loop()
        threading.Thread(
            target=_wait_for_users,
            args=(folder, lambda: loop.call_soon_threadsafe(nobody_left.set)),
            name="wait for users to leave",
            daemon=True,
        ).start()
        await nobody_left.wait()


def _wait_for_users(folder: Path, then: Callable[[], object]) -> None:
    users = os.open(folder / USERS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(users, fcntl.LOCK_EX)  # held until this process ends: who comes now starts anew
    then()


if __name__ == "__main__":
    main()
