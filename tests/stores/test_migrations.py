"""Old data folders become today's, once, whole, and with every row."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.domain.attempts import Attempt, Mark
from orchestrator.domain.devices import Claim, Device, Initiates
from orchestrator.domain.errors import StoreError, StoreInUseError
from orchestrator.domain.events import DeviceEvent, Evidence, UnknownDevice
from orchestrator.stores.files import DATABASE_NAME
from orchestrator.stores.lock import ServiceLock
from orchestrator.stores.migrations import migration_files
from orchestrator.stores.sqlite import SqliteStore
from orchestrator.units import (
    AccessKey,
    AddEvent,
    AttemptQuery,
    ClaimCode,
    Committed,
    EventQuery,
    PutDelivery,
    StoredAnswer,
    StoredKey,
)
from tests.stores import values

OLD = Path(__file__).parent / "old" / "v1.sqlite"
NEWEST = max(migration_files())
ACCOUNT = "123456789012"

DEVICES = [
    Device(
        namespace="default",
        device_id="G030PM0123456789",
        version=4,
        registered_ms=1735689600000,
        claim=Claim(
            state="CLAIMED",
            owner=ACCOUNT,
            epoch=1,
            initiated_ms=1735689660000,
            attempt_id="a-0001",
            click_event_id="e-0001",
        ),
        enabled=True,
        claim_code="C-123EXAMPLE",
        clicks=3,
        last_event_id="e-0002",
        tags={"line": "3"},
        attributes={"room": "B2"},
        repeats={"presses": [["1:3", 1735689800000]]},
    ),
    Device(
        namespace="default",
        device_id="P5SJVQ2007V8296A",
        version=1,
        registered_ms=1735689600000,
        claim=Claim(
            state="CLAIM_INITIATED",
            owner=ACCOUNT,
            epoch=1,
            initiated_ms=1735689900000,
            deadline_ms=1735690020000,
            attempt_id="a-0002",
        ),
        reported_life=98.5,
        initiates={ACCOUNT: Initiates(count=1, last_ms=1735689900000)},
    ),
]
ATTEMPTS = [
    Attempt(
        attempt_id="a-0002",
        namespace="default",
        device_id="P5SJVQ2007V8296A",
        account=ACCOUNT,
        epoch=1,
        opened_ms=1735689900000,
        deadline_ms=1735690020000,
        timeline=(Mark(what="initiated", at_ms=1735689900000),),
    ),
    Attempt(
        attempt_id="a-0001",
        namespace="default",
        device_id="G030PM0123456789",
        account=ACCOUNT,
        epoch=1,
        opened_ms=1735689660000,
        deadline_ms=1735689780000,
        invocation="i-0001",
        outcome="CLAIMED",
        ended_ms=1735689671000,
        timeline=(
            Mark(what="initiated", at_ms=1735689660000),
            Mark(what="click", at_ms=1735689670000, detail={"source": "mqtt://localhost"}),
            Mark(what="finalized", at_ms=1735689671000),
        ),
    ),
]
FIRST_EVENT = DeviceEvent(
    event_id="e-0001",
    namespace="default",
    device_id="G030PM0123456789",
    click_type="SINGLE",
    received_ms=1735689670000,
    disposition="MATCHED",
    reason="the click that the claim was waiting for",
    evidence=Evidence(heard_by="broker", authenticated=True),
    source="mqtt://localhost",
    family="native",
    press_id="1:1",
    epoch=1,
    attempt_id="a-0001",
    remaining_life=99.95,
    repeats=2,
    last_repeat_ms=1735689670900,
    seq=1,
)
UNKNOWN = UnknownDevice(
    namespace="default",
    address="A4C138010203",
    family="bthome",
    click_type="SINGLE",
    source="ble:",
    first_heard_ms=1735689600000,
    last_heard_ms=1735689700000,
    count=12,
    extra={"name": "SBBT-002C"},
)


@pytest.fixture
def old_folder(folder: Path) -> Path:
    """A data folder that the first version left behind."""
    folder.mkdir()
    shutil.copy(OLD, folder / DATABASE_NAME)
    return folder


def schema_of(path: Path) -> tuple[int, list[tuple]]:
    """Version, and every table's columns and index, however the schema came about."""
    connection = sqlite3.connect(path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    names = connection.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall()
    columns = [
        (table, *row)
        for kind, table, _ in names
        if kind == "table"
        for row in connection.execute(f"PRAGMA table_info({table})")
    ]
    connection.close()
    return version, sorted(map(repr, names + columns))


async def check_rows(store: SqliteStore) -> None:
    assert await store.devices("default") == DEVICES
    assert [one.device_id for one in await store.devices("factory")] == ["B9GHXT183200293"]
    assert await store.attempts(AttemptQuery()) == ATTEMPTS
    assert await store.earliest_deadline_ms() == 1735690020000
    assert await store.event("e-0001") == FIRST_EVENT
    found = await store.events(EventQuery(namespace="default"))
    assert [one.seq for one in found][:2] == [1, 7]
    assert await store.unknown_devices("default") == [UNKNOWN]
    assert await store.answer("AKIAEXAMPLE", "InitiateDeviceClaim", "i-0001") == StoredAnswer(
        access_key="AKIAEXAMPLE",
        operation="InitiateDeviceClaim",
        invocation="i-0001",
        answered_ms=1735689660000,
        body=b"{}",
    )
    assert await store.access_keys() == [
        AccessKey(
            access_key="AKIAEXAMPLE",
            namespace="default",
            account=ACCOUNT,
            created_ms=1735689600000,
            label="line 3",
            secret="not a real secret",
        )
    ]
    assert await store.claim_codes("default") == [
        ClaimCode(
            namespace="default",
            code="C-123EXAMPLE",
            created_ms=1735689600000,
            device_ids=("G030PM0123456789",),
        )
    ]
    assert await store.keys("default", "G030PM0123456789") == [
        StoredKey(
            namespace="default",
            device_id="G030PM0123456789",
            kind="hmac",
            simulated=True,
            secret=b"\x00\x01\x02\xff",
        )
    ]
    assert await store.aliases("default") == [("0x00158d0001234567", "G030PM0123456789")]
    assert await store.meta("client id") == "clickclaim-1f2e"


def test_the_old_file_is_old():
    version, _ = schema_of(OLD)
    assert version == 1 < NEWEST


def test_the_numbers_have_no_gap():
    assert list(migration_files()) == list(range(1, NEWEST + 1))


async def test_an_old_file_is_migrated_opened_closed_and_opened_again(old_folder: Path):
    for _ in range(2):
        store = await SqliteStore.open(old_folder)
        await check_rows(store)
        await store.close()
        assert schema_of(old_folder / DATABASE_NAME)[0] == NEWEST


async def test_a_migrated_file_has_the_schema_of_a_new_one(old_folder: Path, tmp_path: Path):
    for folder in (old_folder, tmp_path / "new"):
        await (await SqliteStore.open(folder)).close()
    new = schema_of(tmp_path / "new" / DATABASE_NAME)
    assert schema_of(old_folder / DATABASE_NAME) == new


async def test_a_migrated_store_takes_what_the_old_one_could_not(old_folder: Path):
    store = await SqliteStore.open(old_folder)
    await store.unit([PutDelivery(values.delivery()), AddEvent(values.event("e-new"))])
    assert await store.deliveries(values.NOW_MS) == [values.delivery()]
    assert (await store.event("e-new")).seq == 8
    await store.close()


async def test_a_command_migrates_too_when_no_service_runs(old_folder: Path):
    store = await SqliteStore.open(old_folder, exclusive=False)
    await check_rows(store)
    service = await SqliteStore.open(old_folder)
    await store.close()
    await service.close()


async def test_a_command_does_not_migrate_under_a_running_service(old_folder: Path):
    # A service of the first version: it holds the lock and has not heard of the second schema.
    lock = ServiceLock.take(old_folder)
    before = schema_of(old_folder / DATABASE_NAME)
    with pytest.raises(StoreInUseError, match="in use by another clickclaim service"):
        await SqliteStore.open(old_folder, exclusive=False)
    assert schema_of(old_folder / DATABASE_NAME) == before
    lock.release()


async def test_a_migration_that_fails_leaves_the_old_file_as_it_was(old_folder: Path):
    path = old_folder / DATABASE_NAME
    connection = sqlite3.connect(path)
    # Something that the second migration wants to make is there already.
    connection.execute("CREATE TABLE deliveries (what TEXT)")
    connection.commit()
    connection.close()
    before = schema_of(path)
    with pytest.raises(StoreError, match="deliveries already exists"):
        await SqliteStore.open(old_folder)
    assert schema_of(path) == before
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE deliveries")
    connection.commit()
    connection.close()
    store = await SqliteStore.open(old_folder)
    await check_rows(store)
    await store.close()


@pytest.mark.slow
@pytest.mark.parametrize("found", ["nothing", "an old file"])
async def test_many_who_open_at_once_find_one_schema(folder: Path, found: str):
    if found == "an old file":
        folder.mkdir()
        shutil.copy(OLD, folder / DATABASE_NAME)
    script = (
        "import asyncio, sys; from pathlib import Path;"
        "from orchestrator.stores.sqlite import SqliteStore;"
        "from orchestrator.units import PutMeta;\n"
        "async def main():\n"
        "    input()\n"
        "    store = await SqliteStore.open(Path(sys.argv[1]), exclusive=False)\n"
        "    await store.unit([PutMeta(sys.argv[2], 'here')])\n"
        "    await store.close()\n"
        "asyncio.run(main())"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            folder,
            f"m{n}",
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for n in range(6)
    ]
    ends = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [stderr for _, stderr in ends] == [b""] * 6
    store = await SqliteStore.open(folder)
    assert [await store.meta(f"m{n}") for n in range(6)] == ["here"] * 6
    assert await store.unit([]) == Committed()
    await store.close()
    assert schema_of(folder / DATABASE_NAME)[0] == NEWEST
