"""What runs as long as the service: it goes on after a fault that passes, or ends the service."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging

import pytest

from hardware.source import SourceEndedError
from orchestrator.clocks import VirtualClock
from orchestrator.domain.errors import StoreError, StoreFullError
from orchestrator.domain.ids import DEFAULT_NAMESPACE
from orchestrator.runtime import service as service_module
from orchestrator.runtime.service import open_service
from orchestrator.runtime.serving import BrokerChoice, HttpAddress, serving
from orchestrator.settings import for_profile
from orchestrator.stores.memory import MemoryStore
from orchestrator.units import EventQuery, Purge
from tests.runtime.conftest import ADDRESS, level


class FaultyStore(MemoryStore):
    """A store in memory that fails where a test says so, as often as it says."""

    def __init__(self):
        super().__init__()
        self.purges = 0
        self.fail_purges = 0
        self.fail_deadlines = 0

    async def unit(self, ops):
        if isinstance(ops[0], Purge):
            self.purges += 1
            if self.fail_purges:
                self.fail_purges -= 1
                raise StoreFullError("The disk has no room left.")
        return await super().unit(ops)

    async def earliest_deadline_ms(self):
        if self.fail_deadlines:
            self.fail_deadlines -= 1
            raise StoreError("The disk does not answer.")
        return await super().earliest_deadline_ms()


@pytest.fixture
def store(monkeypatch):
    store = FaultyStore()

    async def opened(_folder):
        return store

    monkeypatch.setattr(service_module, "_open_store", opened)
    return store


def errors(caplog):
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


async def test_a_purge_that_meets_a_full_disk_is_tried_again_and_said_once(store, caplog):
    clock = VirtualClock()
    store.fail_purges = 3
    async with open_service(for_profile("production"), None, clock=clock):
        await clock.advance(600_000)
        assert store.fail_purges == 0
        tried = store.purges
        assert tried >= 4
        await clock.advance(600_000)
        assert store.purges == tried + 1
    assert errors(caplog) == [
        "The disk has no room left. Old events and stored answers stay until this is mended."
    ]


async def test_a_deadline_that_cannot_be_read_is_asked_for_again(store, caplog):
    clock = VirtualClock()
    store.fail_deadlines = 2
    async with open_service(for_profile("dev"), None, clock=clock) as service:
        api = service.api()
        opened = await api.initiate("B1", invocation="one")
        await clock.advance(130_000)
        attempt = await api.attempt(opened.attempt_id)
    assert attempt.outcome == "TIMED_OUT"
    assert errors(caplog) == [
        "The disk does not answer. Claims whose time is up stay open until this is mended."
    ]


class Over:
    """A recording that has been heard to its end."""

    spec = "replay:over"

    async def open(self):
        pass

    async def read(self):
        raise SourceEndedError(self.spec, "heard to its end")

    async def acknowledge(self, frame):
        pass

    async def close(self):
        pass

    async def wait_for_wake(self):
        await asyncio.Event().wait()


async def test_stations_are_heard_in_full_after_the_last_source_has_ended():
    clock = VirtualClock()
    async with open_service(for_profile("dev"), None, clock=clock) as service:
        await service.registry.add(DEFAULT_NAMESPACE, ["BUTTON"])
        await service.registry.alias(DEFAULT_NAMESPACE, ADDRESS, "BUTTON")
        async with service.listening([Over()]):
            await clock.advance(0)
            (source,) = service.ingest.supervisors
            assert source.situation.state == "CLOSED"
            api = service.api()
            await api.send_frames([level(clock.now_ms(), closed=True)], invocation="down")
            await clock.advance(100)
            await api.send_frames([level(clock.now_ms(), closed=False)], invocation="up")
            await clock.advance(2_000)
        events = await service.store.events(
            EventQuery(namespace=DEFAULT_NAMESPACE, device_id="BUTTON")
        )
    assert [one.click_type for one in events] == ["SINGLE"]


@contextlib.asynccontextmanager
async def served():
    address = HttpAddress.parse("127.0.0.1:0")
    async with serving(for_profile("dev"), None, http=address, broker=BrokerChoice()) as running:
        yield running


@pytest.mark.parametrize("error", [RuntimeError("boom"), None], ids=["fails", "ends"])
async def test_an_http_server_that_ends_by_itself_ends_the_service(monkeypatch, error):
    import uvicorn

    broken = asyncio.Event()

    async def on_tick(_server, _counter):
        await broken.wait()
        if error:
            raise error
        return True

    monkeypatch.setattr(uvicorn.Server, "on_tick", on_tick)
    patience = asyncio.timeout(30)

    async def serve_for_ever():
        async with patience, served():
            broken.set()
            await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match=r"boom|The HTTP server ended by itself"):
        await serve_for_ever()
    assert not patience.expired()


async def test_the_body_is_told_what_ended_a_task_beside_it():
    async def fails():
        raise StoreError("The data folder is gone.")

    with pytest.raises(StoreError, match="The data folder is gone"):
        async with service_module.beside(fails(), "purge"):
            await asyncio.Event().wait()


def test_a_service_whose_work_fails_ends_with_a_sentence_and_a_failure(
    capsys, monkeypatch, tmp_path
):
    from orchestrator.claims.service import ClaimService
    from orchestrator.cli.app import run_command

    async def deadlines(_service):
        raise StoreError("The data folder is gone. Mount it again and start the service.")

    monkeypatch.setattr(ClaimService, "run_deadlines", deadlines)
    # Its log handler would stay in this process, and write to a stream that is closed by then.
    monkeypatch.setattr("orchestrator.cli.serve._log_to_stderr", lambda _level: None)
    code = run_command(
        ["serve", "--http", "127.0.0.1:0", "--mqtt", "none", "--data", str(tmp_path), "--json"]
    )
    captured = capsys.readouterr()
    assert code == 4
    assert captured.err == (
        "error: The data folder is gone. Mount it again and start the service.\n"
    )
    said = json.loads(captured.out.splitlines()[-1])
    assert said["exitCode"] == code
